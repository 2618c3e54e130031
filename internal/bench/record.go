package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Schema is the version of the record: fields are added, never renamed.
const Schema = 1

// recordType is the record's type among dupfind's documents.
const recordType = "bench-record"

// Record is what was measured of one backend, and everything that the figures depend on. Times are in the unit of their
// names; a megabit is 1,000,000 bits.
type Record struct {
	Schema  int       `json:"schema"`
	Type    string    `json:"type"` // "bench-record"
	Name    string    `json:"name"`
	Place   string    `json:"place"`   // "local", or where the server is
	Started time.Time `json:"started"` // UTC
	Seconds float64   `json:"seconds"` // it took
	Dupfind string    `json:"dupfind"` // version
	Machine Machine   `json:"machine"` // where this program ran: of a local backend or server, the model's as well
	Link    *LinkInfo `json:"link,omitempty"`
	Plan    Plan      `json:"plan"`

	Model       string    `json:"model"` // name@digest
	Dim         int       `json:"dim"`
	TileSize    int       `json:"tile_size"`
	Tiles       int       `json:"tiles"`          // different ones, sent in turn
	Wire        string    `json:"wire,omitempty"` // how tiles cross the network: raw, webp, jpeg95
	Environment []Setting `json:"environment"`    // what runs the model: device, gpu, driver, versions

	Cold         *Cold         `json:"cold_start,omitempty"`
	Measurements []Measurement `json:"measurements"`
	Notes        []string      `json:"notes"`
	Error        string        `json:"error,omitempty"` // why there is no more
}

// Setting is one fact that a backend tells of itself.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// LinkInfo is the simulated link between this program and the server.
type LinkInfo struct {
	RTTMS           float64 `json:"rtt_ms"`
	UpBitsPerSecond int64   `json:"up_bits_per_second"` // 0: no limit
	Simulated       bool    `json:"simulated"`
}

// Plan is what was asked for.
type Plan struct {
	Tests           []Test  `json:"tests"`
	DurationSeconds float64 `json:"duration_seconds"` // of one measurement, at most
	WarmupSeconds   float64 `json:"warmup_seconds"`
	Batches         []int   `json:"batches"`
	InFlight        []int   `json:"in_flight"`
	RatePerSecond   float64 `json:"rate_per_second,omitempty"`
	PricePerHour    float64 `json:"price_per_hour,omitempty"`
	TileSource      string  `json:"tile_source"` // "synthetic", or the folder of the photos
}

// Cold is the time from nothing to the first vector: connecting and asking what the model is, or loading it. The server
// was running before, and what a file system keeps in memory was there.
type Cold struct {
	FirstMS float64   `json:"first_ms"` // of the first run: what a person meets
	Runs    []ColdRun `json:"runs"`
}

// ColdRun is one start.
type ColdRun struct {
	OpenMS   float64 `json:"open_ms"`
	VectorMS float64 `json:"vector_ms"` // of the first photo, once open
	TotalMS  float64 `json:"total_ms"`
}

// Measurement is one load and its figures.
type Measurement struct {
	Test            Test    `json:"test"`
	Photos          int     `json:"photos_per_call"`
	RequestsPerCall int     `json:"requests_per_call"`
	InFlight        int     `json:"in_flight"`                 // calls at once; 0: as many as are due (open)
	RatePerSecond   float64 `json:"rate_per_second,omitempty"` // calls due a second (open)
	PhotosPerSecond float64 `json:"photos_per_second"`         // end to end
	CallsPerSecond  float64 `json:"calls_per_second"`
	// Latency is that of calls, in an open loop from when they were due; SentLatency there from when they were sent.
	Latency     *Latency `json:"latency,omitempty"`
	SentLatency *Latency `json:"sent_latency,omitempty"`
	// Stable: the last three windows agree within 5 %, and the figures are theirs. Else they are those of all windows.
	Stable  bool     `json:"stable"`
	Windows []Window `json:"windows"`
	Warmup  Warmup   `json:"warmup"`
	Failed  int      `json:"failed"` // calls
	Error   string   `json:"error,omitempty"`

	SentBytesPerPhoto     int64   `json:"sent_bytes_per_photo,omitempty"`     // on the connection, everything counted
	ReceivedBytesPerPhoto int64   `json:"received_bytes_per_photo,omitempty"` // likewise
	SentMbitPerSecond     float64 `json:"sent_mbit_per_second,omitempty"`
	CostPer1000           float64 `json:"cost_per_1000_photos,omitempty"`

	Server   *Server   `json:"server,omitempty"`
	Adaptive *Adaptive `json:"adaptive,omitempty"`
	Naive    *Naive    `json:"naive,omitempty"`
	Notes    []string  `json:"notes"`
}

// Window is one part of a measurement, in order of time.
type Window struct {
	Seconds         float64 `json:"seconds"`
	Calls           int     `json:"calls"`
	PhotosPerSecond float64 `json:"photos_per_second"`
	P50MS           float64 `json:"p50_ms,omitempty"` // not of the adaptive client
	MaxMS           float64 `json:"max_ms,omitempty"` // likewise
}

// Warmup went before the windows and is in no other figure.
type Warmup struct {
	Calls   int     `json:"calls"`
	FirstMS float64 `json:"first_ms"`
	Seconds float64 `json:"seconds"`
}

// Server is the server's part, by its own clock: the difference of its counters over the whole measurement, warm-up
// included. Means are by request.
type Server struct {
	Requests  uint64  `json:"requests"`
	Photos    uint64  `json:"photos"`
	Runs      uint64  `json:"runs"` // of the model
	MeanMS    float64 `json:"mean_ms"`
	QueueMS   float64 `json:"queue_ms"`
	ComputeMS float64 `json:"compute_ms"`
	// NetworkMS is what the client waited beyond that: the network, and packing and unpacking on both sides.
	NetworkMS float64 `json:"network_ms,omitempty"`
	// PhotosPerSecond is the model alone, as if it never waited. Requests that share a run count it each; their mean stands
	// for the run's, which overrates the time of larger runs a little.
	PhotosPerSecond float64 `json:"photos_per_second"`
}

// Adaptive is what the client chose, at the end.
type Adaptive struct {
	InFlight     int     `json:"in_flight"`
	Batch        int     `json:"batch"`
	Wire         string  `json:"wire"`
	Retries      int64   `json:"retries"`
	RequestP50MS float64 `json:"request_p50_ms"`
	RequestMaxMS float64 `json:"request_max_ms"`
}

// Naive says how the naive client's figure came about.
type Naive struct {
	Files         int     `json:"files"` // in a batch
	MeanFileBytes int64   `json:"mean_file_bytes"`
	Source        string  `json:"source"` // "synthetic payload", or the folder of the photos
	SendMS        float64 `json:"send_ms"`
	AddedServerMS float64 `json:"added_server_ms"` // the server's time for as many tiles, measured apart
}

// Write writes the record to NAME.json in dir, whole or not at all, and returns its path.
func (r Record) Write(dir string) (path string, err error) {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", fmt.Errorf("encode record of %s: %w", r.Name, err)
	}
	path = filepath.Join(dir, FileName(r.Name)+".json")
	return path, writeFile(path, append(b, '\n'))
}

// Read reads a record.
func Read(path string) (Record, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Record{}, err
	}
	var r Record
	if err := json.Unmarshal(b, &r); err != nil {
		return Record{}, fmt.Errorf("read record %s: %w", path, err)
	}
	if r.Type != recordType || r.Schema != Schema {
		return Record{}, fmt.Errorf("read record %s: type %q, schema %d: want %q, %d", path, r.Type, r.Schema, recordType, Schema)
	}
	return r, nil
}

// FileName makes a name of letters, digits, dots, dashes and underscores.
func FileName(name string) string {
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, name)
	if safe = strings.Trim(safe, "._-"); safe == "" {
		return "backend"
	}
	return safe
}

// writeFile replaces a file at once: a reader sees the old one or the new one.
func writeFile(path string, b []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".bench-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // it is a rest
		}
	}()
	_, err = f.Write(b)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(f.Name(), path)
}
