package bench

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sampleRecords are two servers over a slow link, with every kind of measurement.
func sampleRecords() []Record {
	measured := func(t Test, photos, inFlight int, perSecond float64) Measurement {
		l := Latency{Count: 100, MeanMS: 205.1, P50MS: 200.4, P95MS: 360, P99MS: 420.25, MaxMS: 512}
		return Measurement{
			Test: t, Photos: photos, RequestsPerCall: 1, InFlight: inFlight, PhotosPerSecond: perSecond, CallsPerSecond: perSecond / float64(max(photos, 1)),
			Latency: &l, Stable: true, Windows: []Window{{Seconds: 1, Calls: 10, PhotosPerSecond: perSecond, P50MS: 200, MaxMS: 512}},
			Notes: []string{}, SentBytesPerPhoto: 77_321,
		}
	}
	record := func(name string, f float64) Record {
		r := Record{
			Schema: Schema, Type: recordType, Name: name, Place: "grpc://gpu.example:8001",
			Started: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC), Seconds: 61, Dupfind: "v1.0",
			Machine: Machine{OS: "linux", Arch: "amd64", CPU: "A CPU | of <8>", Cores: 2, Go: "go1.26"},
			Link:    &LinkInfo{RTTMS: 180, UpBitsPerSecond: 20_000_000, Simulated: true},
			Plan:    Options{Tests: Tests(), Batches: []int{1, 8}, InFlight: []int{8}, Duration: 6 * time.Second, TileSource: "synthetic"}.plan(),
			Model:   "sscd@sha256:86", Dim: 512, TileSize: 224, Wire: "webp", Environment: []Setting{{"gpu", "RTX"}},
			Cold:  &Cold{FirstMS: 530 * f, Runs: []ColdRun{{500 * f, 30 * f, 530 * f}}},
			Notes: []string{},
		}
		r.Measurements = []Measurement{
			measured(Single, 1, 1, 4.8/f), measured(Batch, 8, 1, 17.9/f), measured(Batch, 32, 1, 25.2/f), measured(Batch, 64, 1, 26.4/f),
			measured(Closed, 1, 8, 30.2/f), measured(Closed, 32, 8, 31.4/f), measured(Open, 1, 0, 2.4), measured(Adapt, 0, 0, 31.6/f),
			measured(NaiveTest, 32, 1, 0.9/f),
		}
		r.Measurements[3].Stable = false
		r.Measurements[0].Server = &Server{Requests: 100, Photos: 100, Runs: 100, MeanMS: 6.1, QueueMS: 0.2, ComputeMS: 5.5, NetworkMS: 194, PhotosPerSecond: 182}
		a := &r.Measurements[7]
		a.Latency, a.Adaptive, a.CostPer1000 = nil, &Adaptive{InFlight: 4, Batch: 8, Wire: "webp", RequestP50MS: 980, RequestMaxMS: 1400}, 0.0051
		r.Measurements[8].Naive = &Naive{Files: 32, MeanFileBytes: 1_550_000, Source: "synthetic payload", SendMS: 20_100, AddedServerMS: 21}
		return r
	}
	return []Record{record("pytorch", 1), record("triton", 1.07)}
}
