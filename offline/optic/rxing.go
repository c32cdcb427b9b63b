// rxing as a WebAssembly module: it finds QR codes in a grey picture.

package optic

import (
	"context"
	"errors"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// rxing is the library, started. What its bindings keep as objects of JavaScript is a table of numbers here.
type rxing struct {
	guest
	r        wazero.Runtime
	compiled wazero.CompiledModule
	plot     *plot
	objects  map[uint32]uint32
	last     uint32
	hints    uint64
}

func newRxing(ctx context.Context, p *plot, r wazero.Runtime) (*rxing, error) {
	x := &rxing{r: r, plot: p}
	var err error
	if x.compiled, err = r.CompileModule(ctx, rxingWasm); err != nil {
		return nil, err
	}
	b := r.NewHostModuleBuilder("./rxing_wasm_bg.js")
	for _, f := range x.compiled.ImportedFunctions() {
		_, name, _ := f.Import()
		play := x.object // maps, dates and canvases: kept as numbers, never used here
		switch {
		case name == "__wbg_barcoderesult_new":
			play = func(_ context.Context, _ api.Module, stack []uint64) { stack[0] = x.keep(uint32(stack[0])) }
		case name == "__wbindgen_object_drop_ref":
			play = func(_ context.Context, _ api.Module, stack []uint64) { delete(x.objects, uint32(stack[0])) }
		case hasStem(name, "__wbg_getTime_"):
			play = func(_ context.Context, _ api.Module, stack []uint64) { stack[0] = api.EncodeF64(0) }
		case hasStem(name, "__wbg___wbindgen_throw_"):
			play = func(context.Context, api.Module, []uint64) { panic("throw") }
		case len(f.ResultTypes()) == 0:
			play = func(context.Context, api.Module, []uint64) {}
		}
		b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(play), f.ParamTypes(), f.ResultTypes()).Export(name)
	}
	if _, err := b.Instantiate(ctx); err != nil {
		return nil, err
	}
	return x, x.start(ctx)
}

func hasStem(name, stem string) bool { return len(name) > len(stem) && name[:len(stem)] == stem }

func (x *rxing) object(_ context.Context, _ api.Module, stack []uint64) { stack[0] = x.keep(0) }

func (x *rxing) keep(v uint32) uint64 {
	x.last++
	x.objects[x.last] = v
	return uint64(x.last)
}

// start makes a fresh instance: after a trap the old one's stack and heap are nobody's.
func (x *rxing) start(ctx context.Context) error {
	if x.mod != nil {
		_ = x.mod.Close(ctx)
	}
	x.objects, x.last, x.calls = map[uint32]uint32{}, 0, nil
	var err error
	if x.mod, err = x.r.InstantiateModule(experimental.WithMemoryAllocator(ctx, x.plot), x.compiled, wazero.NewModuleConfig().WithName("rxing")); err != nil {
		return err
	}
	if x.hints, err = x.call(ctx, "decodehintdictionary_new"); err != nil {
		return err
	}
	for _, h := range []struct {
		kind  uint64
		value string
	}{{2, "QrCode"}, {3, "true"}} { // PossibleFormats, TryHarder
		at, err := x.put(ctx, []byte(h.value), "__wbindgen_export", 1)
		if err != nil {
			return err
		}
		if ok, err := x.call(ctx, "decodehintdictionary_set_hint", x.hints, h.kind, uint64(at), uint64(len(h.value))); err != nil || ok == 0 {
			return errors.Join(err, errors.New("hint refused"))
		}
	}
	return nil
}

// read returns the texts of the QR codes in a picture: of several, where many is set, or of the first. A module that fails on
// a picture found nothing in it.
func (x *rxing) read(ctx context.Context, g *grey, many, filter bool) []string {
	texts, err := x.decode(ctx, g, many, filter)
	if err != nil {
		if err := x.start(ctx); err != nil {
			panic(err) // no memory is left: the child ends
		}
		return nil
	}
	return texts
}

func (x *rxing) decode(ctx context.Context, g *grey, many, filter bool) ([]string, error) {
	data, err := x.put(ctx, g.pix, "__wbindgen_export", 1)
	if err != nil {
		return nil, err
	}
	ret, err := x.call(ctx, "__wbindgen_add_to_stack_pointer", api.EncodeI32(-32))
	if err != nil {
		return nil, err
	}
	filtered := uint64(0)
	if filter {
		filtered = 1
	}
	name := "decode_barcode_with_hints"
	if many {
		name = "decode_multi"
	}
	if _, err := x.call(ctx, name, ret, uint64(data), uint64(len(g.pix)), uint64(g.w), uint64(g.h), x.hints, filtered); err != nil {
		return nil, err
	}
	var w [4]uint32
	for i := range w {
		w[i] = x.readU32(uint32(ret) + uint32(4*i))
	}
	if _, err := x.call(ctx, "__wbindgen_add_to_stack_pointer", 32); err != nil {
		return nil, err
	}
	var results []uint32
	switch {
	case many && w[3] != 0, !many && w[2] != 0: // the error is an object; nothing was found
		clear(x.objects)
		return nil, nil
	case many:
		for i := range min(w[1], 4*MaxCodes) {
			results = append(results, x.objects[x.readU32(w[0]+4*i)])
		}
		clear(x.objects)
		if _, err := x.call(ctx, "__wbindgen_export3", uint64(w[0]), uint64(w[1])*4, 4); err != nil {
			return nil, err
		}
	default:
		results = []uint32{w[0]}
	}
	var texts []string
	for _, r := range results {
		text, err := x.text(ctx, r)
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, nil
}

// text takes the text of a result and frees both.
func (x *rxing) text(ctx context.Context, result uint32) (string, error) {
	if result == 0 {
		return "", errGuest
	}
	ret, err := x.call(ctx, "__wbindgen_add_to_stack_pointer", api.EncodeI32(-16))
	if err != nil {
		return "", err
	}
	if _, err := x.call(ctx, "barcoderesult_text", ret, uint64(result)); err != nil {
		return "", err
	}
	at, n := x.readU32(uint32(ret)), x.readU32(uint32(ret)+4)
	b, ok := x.mod.Memory().Read(at, n)
	if !ok {
		return "", errGuest
	}
	text := string(b)
	for _, c := range []struct {
		name string
		args []uint64
	}{
		{"__wbindgen_export3", []uint64{uint64(at), uint64(n), 1}},
		{"__wbindgen_add_to_stack_pointer", []uint64{16}},
		{"__wbg_barcoderesult_free", []uint64{uint64(result), 0}},
	} {
		if _, err := x.call(ctx, c.name, c.args...); err != nil {
			return "", err
		}
	}
	return text, nil
}
