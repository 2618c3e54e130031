package bench

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRecordRoundTrip(t *testing.T) {
	dir := t.TempDir()
	for _, want := range sampleRecords() {
		path, err := want.Write(dir)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte("null")) {
			t.Errorf("%s holds a null", path)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) != 2 {
		t.Errorf("the folder holds %v (%v), want two records", left, err)
	}
}

func TestReadRefusesOtherFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.json")
	for _, text := range []string{"", "{}", `{"type":"bench-record","schema":2}`, `{"type":"bench","schema":1}`, `{"type":"scan","schema":1}`, "[1"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil {
			t.Errorf("%q was read as a record", text)
		}
	}
}

func TestFileName(t *testing.T) {
	for name, want := range map[string]string{
		"local": "local", "gpu.example:8001": "gpu.example_8001", "../../etc/passwd": "etc_passwd", "": "backend", "..": "backend", "[::1]:8": "1__8",
	} {
		if got := FileName(name); got != want {
			t.Errorf("FileName(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestMarkdown(t *testing.T) {
	rs := sampleRecords()
	rs[1].Name = "tri|ton <x>\n# not a heading"
	page := Markdown(rs)
	for _, want := range []string{
		"| cold start, ms | 530 | 567 |",
		"| one photo at a time, p95 ms | 360 | 360 |",
		"| of these in the server, mean ms | 6.10 | 6.10 |",
		"| batch of 64, photos/s | ~26.4 | ~24.7 |",
		"| batch of 32, 8 in flight, photos/s | 31.4 | 29.3 |",
		"| adaptive over naive | 35.1x | 35.1x |",
		"| 1,000 photos cost | 0.00510 | 0.00510 |",
		"Simulated link: 180ms round trip, 20.0 Mbit/s up.",
		"A CPU \\| of &lt;8&gt;",
		"- gpu: RTX",
		"32 files of 1,550,000 bytes on average (synthetic payload), 20,100 ms to send, 21.0 ms added for the model",
		ChartFile,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "# not") || strings.Contains(line, "tri|ton") {
			t.Errorf("a name makes markup: %q", line)
		}
	}
	if t.Failed() {
		t.Log(page)
	}
}

func TestChart(t *testing.T) {
	one := sampleRecords()[:1]
	bare := Record{Name: "b\u00e4re \x1b[31m", Measurements: []Measurement{}}
	for name, rs := range map[string][]Record{"two": sampleRecords(), "one": one, "nothing measured": {bare}, "many": append(append(sampleRecords(), sampleRecords()...), append(sampleRecords(), sampleRecords()[0])...)} {
		path, err := WriteChart(t.TempDir(), rs)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if s := img.Bounds().Size(); s.X != 1400 || s.Y != 640 {
			t.Errorf("%s: %v, want 1400 x 640", name, s)
		}
		if keep := os.Getenv("BENCH_CHARTS"); keep != "" {
			if err := os.WriteFile(filepath.Join(keep, strings.ReplaceAll(name, " ", "-")+".png"), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := Chart(nil); err == nil {
		t.Error("a chart of no records was drawn")
	}
}

// The bars are as tall as the values say, on either scale.
func TestBarsScale(t *testing.T) {
	linear := newBars([]group{{"a", []float64{10, 20}}, {"b", []float64{0, 5}}}, 2)
	if linear.log || linear.lowest != 0 || linear.highest < 20 {
		t.Errorf("%+v: want a linear axis from 0 to beyond 20", linear)
	}
	log := newBars([]group{{"a", []float64{0.9, 1500}}}, 2)
	if !log.log || log.lowest <= 0 || log.lowest >= 0.9 || log.highest < 1500 {
		t.Errorf("%+v: want a logarithmic axis from below 0.9 to beyond 1500", log)
	}
}
