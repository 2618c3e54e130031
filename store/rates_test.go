package store

import (
	"math"
	"testing"
	"time"
)

func TestRateFollowsTheLastMeasurements(t *testing.T) {
	const backend = "grpc://gpu:8001"
	perPhoto := func(r Rate) time.Duration { return r.Busy / time.Duration(r.Photos) }
	measured := func(photos int64, each time.Duration) Rate {
		return Rate{Backend: backend, Photos: photos, SentBytes: photos * 77_000, Busy: time.Duration(photos) * each, MeasuredNS: 1}
	}
	for _, c := range []struct {
		name  string
		puts  []Rate
		least time.Duration // a photo, in the end
		most  time.Duration
	}{
		{"one", []Rate{measured(100, 30*time.Millisecond)}, 30 * time.Millisecond, 30 * time.Millisecond},
		{"equal ones", []Rate{measured(1000, time.Millisecond), measured(3, time.Millisecond), measured(1000, time.Millisecond)},
			999 * time.Microsecond, 1001 * time.Microsecond},
		{"a long scan on another network replaces", []Rate{measured(100_000, 30*time.Millisecond), measured(20_000, time.Millisecond)},
			time.Millisecond, 1400 * time.Microsecond},
		{"one photo after a long scan hardly counts", []Rate{measured(10_000, 2*time.Millisecond), measured(1, 700*time.Millisecond)},
			2 * time.Millisecond, 5 * time.Millisecond},
		{"many short scans add up", []Rate{measured(100_000, 30*time.Millisecond), measured(200, time.Millisecond),
			measured(200, time.Millisecond), measured(200, time.Millisecond), measured(200, time.Millisecond), measured(200, time.Millisecond)},
			time.Millisecond, 4 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDB(t)
			_, model := fill(t, t.Context(), d, 0, 4)
			for i, r := range c.puts {
				r.ModelID, r.MeasuredNS = model, int64(i+7)
				if err := d.PutRate(t.Context(), r); err != nil {
					t.Fatal(err)
				}
			}
			got, ok, err := d.LastRate(t.Context(), backend, model)
			if err != nil || !ok || got.MeasuredNS != int64(len(c.puts)+6) {
				t.Fatalf("got %+v, %v, %v", got, ok, err)
			}
			if p := perPhoto(got); p < c.least || p > c.most {
				t.Errorf("got %v a photo (%+v), want %v to %v", p, got, c.least, c.most)
			}
			if b := float64(got.SentBytes) / float64(got.Photos); math.Abs(b-77_000) > 100 {
				t.Errorf("got %.0f bytes a photo, want 77,000", b)
			}
		})
	}
}

func TestRateIsOfABackendAndAModel(t *testing.T) {
	d := newDB(t)
	ctx := t.Context()
	_, model := fill(t, ctx, d, 0, 4)
	if err := d.PutRate(ctx, sampleRate(model)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		backend string
		model   int64
		want    bool
	}{{sampleRate(model).Backend, model, true}, {"local", model, false}, {sampleRate(model).Backend, model + 1, false}} {
		if r, ok, err := d.LastRate(ctx, c.backend, c.model); err != nil || ok != c.want || !ok && r != (Rate{}) {
			t.Errorf("%s, model %d: got %+v, %v, %v", c.backend, c.model, r, ok, err)
		}
	}
	for name, r := range map[string]Rate{
		"no photos":  {Backend: "b", ModelID: model, Busy: 1},
		"no time":    {Backend: "b", ModelID: model, Photos: 1},
		"no backend": {ModelID: model, Photos: 1, Busy: 1},
		"no model":   {Backend: "b", Photos: 1, Busy: 1},
		"bytes":      {Backend: "b", ModelID: model, Photos: 1, Busy: 1, SentBytes: -1},
	} {
		if err := d.PutRate(ctx, r); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
