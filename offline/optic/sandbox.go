// The two WebAssembly modules, each in a runtime of its own with a capped memory and no way out.

package optic

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

//go:embed wasm/pdfium.wasm
var pdfiumWasm []byte

//go:embed wasm/rxing.wasm
var rxingWasm []byte

// Bounds of memory. Together with the largest file and the program itself they stay under 256 MB.
const (
	pdfiumPages = 112 << 4 // of 64 KiB: 112 MB
	rxingPages  = 64 << 4
	goMemory    = 224 << 20 // at which Go's collector works without rest
)

// sandbox holds what a child needs to read one file.
type sandbox struct {
	pdf *pdfium
	qr  *rxing
}

// load compiles both modules, or takes them from the cache, and starts them. A cache that fails costs time, never a reading.
func load(ctx context.Context, cache string) (*sandbox, error) {
	p := newPlots()
	if cache != "" {
		if c, err := wazero.NewCompilationCacheWithDir(cache); err == nil {
			if s, err := loadWith(ctx, p, c); err == nil {
				return s, nil
			}
		}
	}
	return loadWith(ctx, p, nil)
}

func loadWith(ctx context.Context, p *plots, cache wazero.CompilationCache) (*sandbox, error) {
	pdf, err := newPDFium(experimental.WithMemoryAllocator(ctx, &p.pdf), runtimeOf(ctx, pdfiumPages, cache))
	if err != nil {
		return nil, fmt.Errorf("pdfium: %w", err)
	}
	qr, err := newRxing(ctx, &p.qr, runtimeOf(ctx, rxingPages, cache))
	if err != nil {
		return nil, fmt.Errorf("rxing: %w", err)
	}
	return &sandbox{pdf: pdf, qr: qr}, nil
}

func runtimeOf(ctx context.Context, pages uint32, cache wazero.CompilationCache) wazero.Runtime {
	c := wazero.NewRuntimeConfig().WithMemoryLimitPages(pages).WithDebugInfoEnabled(false)
	if cache != nil {
		c = c.WithCompilationCache(cache)
	}
	return wazero.NewRuntimeWithConfig(ctx, c)
}

// guest is a running module whose functions are called by name.
type guest struct {
	mod   api.Module
	calls map[string]api.Function
}

var errGuest = errors.New("optic: the module failed")

// call calls an exported function and returns its first result, 0 without one.
func (g *guest) call(ctx context.Context, name string, args ...uint64) (uint64, error) {
	f := g.calls[name]
	if f == nil {
		if f = g.mod.ExportedFunction(name); f == nil {
			return 0, fmt.Errorf("%w: no function %s", errGuest, name)
		}
		if g.calls == nil {
			g.calls = map[string]api.Function{}
		}
		g.calls[name] = f
	}
	res, err := f.Call(ctx, args...)
	if err != nil {
		return 0, fmt.Errorf("%w: %s", errGuest, name) // the cause may hold content
	}
	if len(res) == 0 {
		return 0, nil
	}
	return res[0], nil
}

// put copies bytes into memory that the module's own allocator gave.
func (g *guest) put(ctx context.Context, b []byte, malloc string, more ...uint64) (uint32, error) {
	p, err := g.call(ctx, malloc, append([]uint64{uint64(len(b))}, more...)...)
	if err != nil {
		return 0, err
	}
	if p == 0 || !g.mod.Memory().Write(uint32(p), b) {
		return 0, fmt.Errorf("%w: no memory", ErrTooLarge)
	}
	return uint32(p), nil
}

// stub is a function that a module imports and that Go plays.
type stub func(ctx context.Context, m api.Module, stack []uint64)
