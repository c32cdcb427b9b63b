// PDFium as a WebAssembly module: it opens a document in its own memory and draws pages in grey. It has no file, no clock, no
// script engine that we start, and no form environment.

package optic

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/emscripten"
)

// pdfium is the library, started.
type pdfium struct {
	guest
	doc uint32
}

func newPDFium(ctx context.Context, r wazero.Runtime) (*pdfium, error) {
	capped, err := withMaxMemory(pdfiumWasm, pdfiumPages)
	if err != nil {
		return nil, err
	}
	compiled, err := r.CompileModule(ctx, capped)
	if err != nil {
		return nil, err
	}
	exporter, err := emscripten.NewFunctionExporterForModule(compiled)
	if err != nil {
		return nil, err
	}
	env := r.NewHostModuleBuilder("env")
	exporter.ExportFunctions(env)
	wasi := r.NewHostModuleBuilder("wasi_snapshot_preview1")
	for _, f := range compiled.ImportedFunctions() {
		module, name, _ := f.Import()
		if module == "env" && (strings.HasPrefix(name, "invoke_") || name == "_emscripten_throw_longjmp") {
			continue
		}
		b := env
		if module != "env" {
			b = wasi
		}
		play := pdfiumStubs[name]
		if play == nil {
			play = refuse(len(f.ResultTypes()) > 0)
		}
		b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(play), f.ParamTypes(), f.ResultTypes()).Export(name)
	}
	for _, b := range []wazero.HostModuleBuilder{env, wasi} {
		if _, err := b.Instantiate(ctx); err != nil {
			return nil, err
		}
	}
	mod, err := r.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName("pdfium").WithStartFunctions("__wasm_call_ctors"))
	if err != nil {
		return nil, err
	}
	p := &pdfium{guest: guest{mod: mod}}
	_, err = p.call(ctx, "FPDF_InitLibrary")
	return p, err
}

// refuse answers any question to a system with "no such function".
func refuse(answers bool) stub {
	return func(_ context.Context, _ api.Module, stack []uint64) {
		if answers {
			const enosys = -52
			stack[0] = api.EncodeI32(enosys)
		}
	}
}

var pdfiumStubs = map[string]stub{
	"_abort_js": func(context.Context, api.Module, []uint64) { panic("abort") },
	"emscripten_resize_heap": func(_ context.Context, m api.Module, stack []uint64) {
		want, have := uint64(uint32(stack[0])), uint64(m.Memory().Size())
		stack[0] = 0
		if want <= have {
			stack[0] = 1
		} else if _, ok := m.Memory().Grow(uint32((want - have + 65535) / 65536)); ok {
			stack[0] = 1
		}
	},
	"emscripten_date_now": func(_ context.Context, _ api.Module, stack []uint64) { stack[0] = api.EncodeF64(0) },
	"_tzset_js": func(_ context.Context, m api.Module, stack []uint64) {
		m.Memory().WriteUint32Le(uint32(stack[0]), 0)
		m.Memory().WriteUint32Le(uint32(stack[1]), 0)
		m.Memory().WriteByte(uint32(stack[2]), 0)
		m.Memory().WriteByte(uint32(stack[3]), 0)
	},
	"_localtime_js": noTime,
	"_gmtime_js":    noTime,
	"fd_write": func(_ context.Context, m api.Module, stack []uint64) { // to nowhere
		iovs, n, written := uint32(stack[1]), uint32(stack[2]), uint32(0)
		for i := range min(n, 1024) {
			size, _ := m.Memory().ReadUint32Le(iovs + i*8 + 4)
			written += size
		}
		m.Memory().WriteUint32Le(uint32(stack[3]), written)
		stack[0] = 0
	},
	"environ_sizes_get": func(_ context.Context, m api.Module, stack []uint64) {
		m.Memory().WriteUint32Le(uint32(stack[0]), 0)
		m.Memory().WriteUint32Le(uint32(stack[1]), 0)
		stack[0] = 0
	},
	"environ_get": func(_ context.Context, _ api.Module, stack []uint64) { stack[0] = 0 },
}

func noTime(_ context.Context, m api.Module, stack []uint64) {
	m.Memory().Write(uint32(stack[1]), make([]byte, 44))
}

// open loads a document and returns its number of pages. Once in the life of a child.
func (p *pdfium) open(ctx context.Context, file []byte) (int, error) {
	data, err := p.put(ctx, file, "malloc")
	if err != nil {
		return 0, err
	}
	doc, err := p.call(ctx, "FPDF_LoadMemDocument64", uint64(data), uint64(len(file)), 0)
	if err != nil {
		return 0, p.why(ErrFormat)
	}
	if doc == 0 {
		code, _ := p.call(ctx, "FPDF_GetLastError")
		if code == 4 || code == 5 { // FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY
			return 0, ErrLocked
		}
		return 0, ErrFormat
	}
	p.doc = uint32(doc)
	n, err := p.call(ctx, "FPDF_GetPageCount", doc)
	if err != nil || int32(n) < 1 {
		return 0, p.why(ErrFormat)
	}
	return int(int32(n)), nil
}

// why tells a document that filled the memory from one that broke something else.
func (p *pdfium) why(otherwise error) error {
	if p.mod.Memory().Size() > (pdfiumPages-64)<<16 {
		return fmt.Errorf("%w: memory", ErrTooLarge)
	}
	return otherwise
}

// maxRaster bounds the points of a drawn page: A4 at 300 dpi and some.
const maxRaster = 9_000_000

// drawPage rasters page i in grey on white at dpi, smaller where the page is huge.
func (p *pdfium) drawPage(ctx context.Context, i int, dpi float64) (*grey, error) {
	handle, err := p.call(ctx, "FPDF_LoadPage", uint64(p.doc), uint64(i))
	if err != nil || handle == 0 {
		return nil, p.why(ErrFormat)
	}
	defer func() { _, _ = p.call(ctx, "FPDF_ClosePage", handle) }()
	width, err := p.call(ctx, "FPDF_GetPageWidth", handle)
	if err != nil {
		return nil, p.why(ErrFormat)
	}
	height, err := p.call(ctx, "FPDF_GetPageHeight", handle)
	if err != nil {
		return nil, p.why(ErrFormat)
	}
	w, h, ok := rasterSize(api.DecodeF64(width), api.DecodeF64(height), dpi)
	if !ok {
		return nil, ErrFormat
	}
	const formatGray, optGrey, optLimitedCache = 1, 0x08, 0x200
	bitmap, err := p.call(ctx, "FPDFBitmap_CreateEx", uint64(w), uint64(h), formatGray, 0, 0)
	if err != nil || bitmap == 0 {
		return nil, p.why(ErrFormat)
	}
	defer func() { _, _ = p.call(ctx, "FPDFBitmap_Destroy", bitmap) }()
	if _, err := p.call(ctx, "FPDFBitmap_FillRect", bitmap, 0, 0, uint64(w), uint64(h), 0xffffffff); err != nil {
		return nil, p.why(ErrFormat)
	}
	if _, err := p.call(ctx, "FPDF_RenderPageBitmap", bitmap, handle, 0, 0, uint64(w), uint64(h), 0, optGrey|optLimitedCache); err != nil {
		return nil, p.why(ErrFormat)
	}
	return p.bits(ctx, bitmap, w, h)
}

// bits copies a bitmap out of the module.
func (p *pdfium) bits(ctx context.Context, bitmap uint64, w, h int) (*grey, error) {
	at, err := p.call(ctx, "FPDFBitmap_GetBuffer", bitmap)
	if err != nil {
		return nil, ErrFormat
	}
	stride, err := p.call(ctx, "FPDFBitmap_GetStride", bitmap)
	if err != nil {
		return nil, ErrFormat
	}
	out := newGrey(w, h)
	for y := range h {
		row, ok := p.mod.Memory().Read(uint32(at)+uint32(y)*uint32(stride), uint32(w))
		if !ok {
			return nil, ErrFormat
		}
		copy(out.pix[y*w:], row)
	}
	return out, nil
}

// rasterSize returns a raster's sides for a page of w × h points of 1/72 inch; ok is false for a page without a size, or so
// thin that nothing can be seen in it.
func rasterSize(w, h, dpi float64) (int, int, bool) {
	w, h = w*dpi/72, h*dpi/72
	if !(w > 0 && h > 0) || math.IsInf(w*h, 0) {
		return 0, 0, false
	}
	if n := w * h; n > maxRaster {
		f := math.Sqrt(maxRaster / n)
		w, h = w*f, h*f
	}
	return int(w), int(h), w >= minSide && h >= minSide && w <= 1<<15 && h <= 1<<15
}

// readU32 reads a word of the module's memory, 0 outside of it.
func (g *guest) readU32(at uint32) uint32 {
	v, _ := g.mod.Memory().ReadUint32Le(at)
	return v
}
