package store

import (
	"context"
	"database/sql"
	"os"
)

// Stats is what status shows of a library.
type Stats struct {
	Roots     []RootStats
	Skipped   []Reason
	Models    []ModelStats
	Contents  int   // held by a present file
	LowDetail int   // of these, photos without detail
	Kept      int   // contents that only gone files hold, or none
	Pairs     int   // of all models and engines
	Runs      int   // of the quarantine
	InRuns    int   // photos in the quarantine now
	FileBytes int64 // size of the library's own file
}

// RootStats counts the rows of a root: the present ones by state, and the gone.
type RootStats struct {
	Root
	Photos     int
	PhotoBytes int64
	Skipped    int
	Other      int
	Folders    int // that could not be read
	Gone       int // disappeared, not by us
	Removed    int // moved to the quarantine
}

// ModelStats counts the vectors of a model.
type ModelStats struct {
	Model
	Vectors int
}

// Stats counts what the library holds, at one moment.
func (d *DB) Stats(ctx context.Context) (st Stats, err error) {
	snap, err := d.Snapshot(ctx)
	if err != nil {
		return Stats{}, err
	}
	// Nothing was written; the error that matters is the count's.
	defer func() { _ = snap.Close() }()
	if st.Roots, err = rootStats(ctx, snap.tx); err != nil {
		return Stats{}, err
	}
	if st.Skipped, err = skippedReasons(ctx, snap.tx); err != nil {
		return Stats{}, err
	}
	if st.Models, err = modelStats(ctx, snap.tx); err != nil {
		return Stats{}, err
	}
	err = snap.tx.QueryRowContext(ctx, `WITH held AS MATERIALIZED
			(SELECT id, low_detail FROM contents c WHERE EXISTS (SELECT 1 FROM files WHERE content_id = c.id AND gone_ns = 0))
		SELECT (SELECT count(*) FROM held), (SELECT count(*) FROM held WHERE low_detail), (SELECT count(*) FROM contents),
			(SELECT count(*) FROM pairs), (SELECT count(*) FROM runs), (SELECT count(*) FROM moves WHERE state = 'moved')`).
		Scan(&st.Contents, &st.LowDetail, &st.Kept, &st.Pairs, &st.Runs, &st.InRuns)
	if err != nil {
		return Stats{}, wrap("count contents", err)
	}
	st.Kept -= st.Contents
	fi, err := os.Stat(d.path)
	if err != nil {
		return Stats{}, wrap("size of library", err)
	}
	st.FileBytes = fi.Size()
	return st, nil
}

func rootStats(ctx context.Context, q querier) ([]RootStats, error) {
	all, err := roots(ctx, q)
	if err != nil {
		return nil, err
	}
	stats := make([]RootStats, len(all))
	for i, r := range all {
		s := &stats[i]
		s.Root = r
		err := q.QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE gone_ns = 0 AND state = 'photo'),
			coalesce(sum(size_bytes) FILTER (WHERE gone_ns = 0 AND state = 'photo'), 0),
			count(*) FILTER (WHERE gone_ns = 0 AND state = 'skipped'), count(*) FILTER (WHERE gone_ns = 0 AND state = 'other'),
			count(*) FILTER (WHERE gone_ns = 0 AND state = 'folder'),
			count(*) FILTER (WHERE gone_ns <> 0 AND removed_run IS NULL), count(*) FILTER (WHERE removed_run IS NOT NULL)
			FROM files WHERE root_id = ?`, r.ID).
			Scan(&s.Photos, &s.PhotoBytes, &s.Skipped, &s.Other, &s.Folders, &s.Gone, &s.Removed)
		if err != nil {
			return nil, wrap("count files", err)
		}
	}
	return stats, nil
}

func modelStats(ctx context.Context, q querier) ([]ModelStats, error) {
	return collect(seq(ctx, q, "count vectors", func(rows *sql.Rows, m *ModelStats) error {
		return rows.Scan(&m.ID, &m.Name, &m.Digest, &m.Dim, &m.ManifestJSON, &m.Vectors)
	}, `SELECT id, name, digest, dim, manifest, (SELECT count(*) FROM embeddings WHERE model_id = models.id)
		FROM models ORDER BY name, digest`))
}
