package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/dupfind/dupfind/embed"
	"github.com/dupfind/dupfind/embed/remote/inference"
)

// encodedSuffix ends the name of the model that takes encoded tiles.
const encodedSuffix = "_encoded"

// defaultModel is asked for when the server does not list what it has.
const defaultModel = "sscd"

// The parameters of a model's configuration that dupfind reads (docs/protocol.md).
const (
	paramManifest    = "dupfind_manifest"
	paramWeights     = "dupfind_weights"
	paramEnvironment = "dupfind_environment"
)

// about is what a server told of its model, checked.
type about struct {
	model         string // its name at the server
	manifest      embed.Manifest
	input, output string // the tensors' names
	encoded       bool   // there is a second model, which takes encoded tiles
	encodedInput  string
	random        bool
	environment   map[string]string
}

// describe asks a server what it has, and holds it against what dupfind speaks.
func (c *Conn) describe(ctx context.Context, o Options) (about, error) {
	name, err := c.modelName(ctx, o.Model)
	if err != nil {
		return about{}, err
	}
	a := about{model: name, encodedInput: "image"}
	var raw, encoded *inference.ModelMetadataResponse
	var params map[string]*inference.ModelParameter
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		raw, err = c.api.ModelMetadata(gctx, &inference.ModelMetadataRequest{Name: name})
		return err
	})
	g.Go(func() error {
		// Not every server has one, and each says so in its own way.
		encoded, _ = c.api.ModelMetadata(gctx, &inference.ModelMetadataRequest{Name: name + encodedSuffix})
		return nil
	})
	g.Go(func() error {
		resp, err := c.api.ModelConfig(gctx, &inference.ModelConfigRequest{Name: name})
		if err != nil && status.Code(err) != codes.Unimplemented && status.Code(err) != codes.NotFound {
			return err
		}
		params = resp.GetConfig().GetParameters()
		return nil
	})
	if err := g.Wait(); err != nil {
		return about{}, c.whyNoModel(ctx, name, err)
	}
	if err := a.readParameters(params, o, c.target.endpoint); err != nil {
		return about{}, err
	}
	if err := a.readTensors(raw, c.target.endpoint); err != nil {
		return about{}, err
	}
	if in := encoded.GetInputs(); len(in) == 1 && in[0].Datatype == "BYTES" {
		a.encoded, a.encodedInput = true, in[0].Name
	}
	return a, nil
}

// modelName is the name that the user gave, or that of the only model there.
func (c *Conn) modelName(ctx context.Context, given string) (string, error) {
	if given != "" {
		return given, nil
	}
	names, err := c.modelNames(ctx)
	if status.Code(err) == codes.Unimplemented {
		return defaultModel, nil
	}
	if err != nil {
		return "", err
	}
	switch len(names) {
	case 0:
		return "", errorf(NoModel, c.target.endpoint, "the server has no model that is ready")
	case 1:
		return names[0], nil
	}
	e := errorf(NoModel, c.target.endpoint, "the server has several models (%s): name one", strings.Join(names, ", "))
	e.Models = names
	return "", e
}

// modelNames lists the models that are ready, but for those that take encoded tiles.
func (c *Conn) modelNames(ctx context.Context) ([]string, error) {
	resp, err := c.api.RepositoryIndex(ctx, &inference.RepositoryIndexRequest{Ready: true})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, m := range resp.Models {
		if name := clean(m.Name); !strings.HasSuffix(name, encodedSuffix) && (m.State == "READY" || m.State == "") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// whyNoModel adds to an error what the server has instead.
func (c *Conn) whyNoModel(ctx context.Context, name string, err error) error {
	// KServe answers INVALID_ARGUMENT, Triton NOT_FOUND or UNAVAILABLE.
	names, listErr := c.modelNames(ctx)
	if listErr == nil && !slices.Contains(names, name) {
		e := errorf(NoModel, c.target.endpoint, "the server has no model %q; it has %s", clean(name), listOf(names))
		e.Models = names
		return e
	}
	if code := status.Code(err); code == codes.NotFound || code == codes.InvalidArgument {
		return errorf(NoModel, c.target.endpoint, "the server has no model %q: %s", clean(name), said(err))
	}
	return err
}

func listOf(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// readParameters takes what a server tells beyond the protocol, and what the user says where it tells nothing.
func (a *about) readParameters(params map[string]*inference.ModelParameter, o Options, endpoint string) error {
	told := params[paramManifest].GetStringValue()
	switch {
	case told != "":
		m, err := embed.ParseManifest([]byte(told))
		if err != nil {
			return errorf(WrongModel, endpoint, "its manifest: %w", err)
		}
		a.manifest = m
	case o.Manifest != nil:
		a.manifest = *o.Manifest
	case a.model == embed.SSCD().Name:
		a.manifest = embed.SSCD() // the golden tiles tell whether it is
	default:
		return errorf(NoManifest, endpoint, "the server does not tell what model %q is", clean(a.model))
	}
	if a.manifest.Digest == "" {
		return errorf(NoManifest, endpoint, "the manifest of model %q has no digest", clean(a.model))
	}
	if o.Manifest != nil && o.Manifest.Digest != a.manifest.Digest {
		return errorf(WrongModel, endpoint, "the server runs %s, the manifest given is of %s", a.manifest.Key(), o.Manifest.Key())
	}
	if a.random = params[paramWeights].GetStringValue() == "random"; a.random && !o.AllowRandom {
		return errorf(RandomWeights, endpoint, "the model %q has random weights: its vectors mean nothing", clean(a.model))
	}
	if text := params[paramEnvironment].GetStringValue(); text != "" {
		env := map[string]string{}
		if err := json.Unmarshal([]byte(text), &env); err != nil {
			return errorf(WrongModel, endpoint, "its environment is not an object of texts")
		}
		a.environment = map[string]string{}
		for k, v := range env {
			a.environment[clean(k)] = clean(v)
		}
	}
	return nil
}

// readTensors finds the model's input and output. A server that describes neither is taken at its word that it follows
// the protocol: the first answer shows.
func (a *about) readTensors(m *inference.ModelMetadataResponse, endpoint string) error {
	a.input, a.output = "image", "embedding"
	wrong := func(format string, args ...any) error {
		return errorf(WrongModel, endpoint, "model %q %s", clean(a.model), fmt.Sprintf(format, args...))
	}
	size, dim := int64(a.manifest.TileSize), int64(a.manifest.Dim)
	if in := m.GetInputs(); len(in) > 0 {
		if len(in) != 1 {
			return wrong("takes %d inputs, want one", len(in))
		}
		if in[0].Datatype != "UINT8" || !fits(in[0].Shape, -1, size, size, 3) {
			return wrong("takes %s %v, want UINT8 [n %d %d 3]", clean(in[0].Datatype), clip(in[0].Shape), size, size)
		}
		a.input = in[0].Name
	}
	outs := m.GetOutputs()
	if len(outs) == 0 {
		return nil
	}
	i := slices.IndexFunc(outs, func(t *inference.ModelMetadataResponse_TensorMetadata) bool { return t.Name == a.output })
	if i < 0 {
		i = 0
	}
	if outs[i].Datatype != "FP32" || !fits(outs[i].Shape, -1, dim) {
		return wrong("gives %s %v, want FP32 [n %d]", clean(outs[i].Datatype), clip(outs[i].Shape), dim)
	}
	a.output = outs[i].Name
	return nil
}

// fits compares a shape with the one wanted; -1 on either side is any size.
func fits(shape []int64, want ...int64) bool {
	return slices.EqualFunc(shape, want, func(a, b int64) bool { return a == b || a == -1 || b == -1 })
}
