package store

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The first golden vectors of a model stay: those of later backends only lie
// near them, and near the near is far in the end.
func TestGoldenStaysAsItWasFirst(t *testing.T) {
	d := newDB(t)
	ctx := t.Context()
	_, model := fill(t, ctx, d, 0, 4)
	if got, err := d.Golden(ctx, model); got != nil || err != nil {
		t.Errorf("none stored: got %v, %v", got, err)
	}
	first := sampleGolden()
	if err := d.PutGolden(ctx, model, first); err != nil {
		t.Fatal(err)
	}
	second := sampleGolden()
	second[0], second[1] = second[1], second[0]
	if err := d.PutGolden(ctx, model, second); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Golden(ctx, model); err != nil || !cmp.Equal(got, first) {
		t.Errorf("got %v, %v, want the first", got, err)
	}
	other, err := d.EnsureModel(ctx, Model{Name: "test.2", Digest: "sha256:00", Dim: 4})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := d.Golden(ctx, other); got != nil || err != nil {
		t.Errorf("of another model: got %v, %v", got, err)
	}
}

func TestPutGoldenRefusesWhatCannotBeRead(t *testing.T) {
	d := newDB(t)
	ctx := t.Context()
	_, model := fill(t, ctx, d, 0, 4)
	edit := func(i int, v ...float32) [][]float32 {
		all := sampleGolden()
		all[i] = v
		return all
	}
	for name, c := range map[string]struct {
		model   int64
		vectors [][]float32
		want    string
	}{
		"too few":      {model, sampleGolden()[:15], "15 vectors"},
		"none":         {model, nil, "0 vectors"},
		"dimension":    {model, edit(3, 1, 0, 0), "vector 3 has 3 numbers"},
		"length":       {model, edit(15, 1, 1, 0, 0), "vector 15"},
		"not a number": {model, edit(0, float32(math.NaN()), 0, 0, 0), "vector 0"},
		"no model":     {model + 9, sampleGolden(), "no such model"},
	} {
		if err := d.PutGolden(ctx, c.model, c.vectors); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	if got, err := d.Golden(ctx, model); got != nil || err != nil {
		t.Errorf("a refused set left %v, %v", got, err)
	}
}

func TestDamagedGoldenIsNoticed(t *testing.T) {
	for name, damage := range map[string]string{
		"a row is gone":  `DELETE FROM golden WHERE tile = 5`,
		"not unit":       `UPDATE golden SET vector = zeroblob(16) WHERE tile = 2`,
		"other numbers":  `UPDATE golden SET dim = 3, vector = zeroblob(12) WHERE tile = 0`,
		"not any number": `UPDATE golden SET vector = x'0000c07f000000000000000000000000' WHERE tile = 15`,
	} {
		d := newDB(t)
		_, model := fill(t, t.Context(), d, 0, 4)
		if err := d.PutGolden(t.Context(), model, sampleGolden()); err != nil {
			t.Fatal(err)
		}
		if _, err := d.w.ExecContext(t.Context(), damage); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Golden(t.Context(), model); !errors.Is(err, ErrDamaged) || got != nil {
			t.Errorf("%s: got %v, %v, want ErrDamaged", name, got, err)
		}
	}
}

// What the schema itself refuses, whoever writes.
func TestGoldenAndRatesAreHeldToTheirChecks(t *testing.T) {
	d := newDB(t)
	fill(t, t.Context(), d, 0, 4)
	for _, statement := range []string{
		`INSERT INTO golden VALUES (1, 16, 1, zeroblob(4))`,
		`INSERT INTO golden VALUES (1, -1, 1, zeroblob(4))`,
		`INSERT INTO golden VALUES (1, 0, 2, zeroblob(4))`,
		`INSERT INTO golden VALUES (9, 0, 1, zeroblob(4))`,
		`INSERT INTO rates VALUES ('', 1, 1, 0, 1, 0)`,
		`INSERT INTO rates VALUES ('b', 1, 0, 0, 1, 0)`,
		`INSERT INTO rates VALUES ('b', 1, 1, -1, 1, 0)`,
		`INSERT INTO rates VALUES ('b', 1, 1, 0, 0, 0)`,
		`INSERT INTO rates VALUES ('b', 9, 1, 0, 1, 0)`,
	} {
		if _, err := d.w.ExecContext(t.Context(), statement); err == nil {
			t.Errorf("%s: no error", statement)
		}
	}
}

// Forgetting photos drops no model, nor what is known of it.
func TestForgetKeepsGoldenAndRates(t *testing.T) {
	d := newDB(t)
	root, model := fill(t, t.Context(), d, 3, 4)
	if err := errors.Join(d.PutGolden(t.Context(), model, sampleGolden()), d.PutRate(t.Context(), sampleRate(model))); err != nil {
		t.Fatal(err)
	}
	if f, err := d.Forget(t.Context(), root, ""); err != nil || f.Vectors != 3 {
		t.Fatalf("got %+v, %v", f, err)
	}
	checkRemote(t, d, true)
	if problems, err := d.Check(t.Context()); err != nil || len(problems) > 0 {
		t.Errorf("check: got %q, %v", problems, err)
	}
}

func TestModelFamily(t *testing.T) {
	d := newDB(t)
	ctx := t.Context()
	for _, m := range []Model{{Name: "sscd.10"}, {Name: "sscd.2"}, {Name: "sscd"}, {Name: "sscd.1"}, {Name: "sscd.02"}, {Name: "sscd.x"},
		{Name: "sscd.-2"}, {Name: "sscd.2.2"}, {Name: "sscd2"}, {Name: "xsscd"}, {Name: "sscd.3", Digest: "sha256:11"}, {Name: "a%"}, {Name: "ab.2"}} {
		if m.Digest == "" {
			m.Digest = "sha256:00"
		}
		m.Dim, m.ManifestJSON = 4, "{}"
		if _, err := d.EnsureModel(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string][]string{"sscd": {"sscd", "sscd.2", "sscd.10"}, "sscd.2": {"sscd.2", "sscd.2.2"}, "a%": {"a%"}, "none": nil} {
		family, err := d.ModelFamily(ctx, name, "sha256:00")
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, m := range family {
			names = append(names, m.Name)
			if m.ID == 0 || m.Dim != 4 || m.ManifestJSON != "{}" || m.Digest != "sha256:00" {
				t.Errorf("%s: got %+v", name, m)
			}
		}
		if !cmp.Equal(names, want) {
			t.Errorf("%s: got %q, want %q", name, names, want)
		}
	}
}
