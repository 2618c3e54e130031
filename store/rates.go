package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Rate says how fast a backend was with a model.
type Rate struct {
	Backend    string // as --backend names it
	ModelID    int64
	Photos     int64
	SentBytes  int64         // to the servers, for these photos
	Busy       time.Duration // that the backend took for them
	MeasuredNS int64         // when
}

// rateMemory is how many photos of earlier measurements count beside a new one.
// A long scan outweighs them, so that a new card or another network shows at
// once; five photos, most of whose time is the connection, hardly move them.
const rateMemory = 256

// PutRate adds a measurement to the average that LastRate returns.
func (d *DB) PutRate(ctx context.Context, r Rate) error {
	return d.write(ctx, fmt.Sprintf("store rate of %s", r.Backend), func(tx *sql.Tx) error {
		if r.Photos <= 0 || r.SentBytes < 0 || r.Busy <= 0 {
			return fmt.Errorf("no measurement: %d photos and %d bytes in %v", r.Photos, r.SentBytes, r.Busy)
		}
		old, ok, err := rate(ctx, tx, r.Backend, r.ModelID)
		if err != nil {
			return err
		}
		if ok {
			r = r.after(old)
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO rates (backend, model_id, photos, sent_bytes, busy_ns, measured_ns)
			VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (backend, model_id) DO UPDATE SET photos = excluded.photos, sent_bytes = excluded.sent_bytes,
				busy_ns = excluded.busy_ns, measured_ns = excluded.measured_ns`,
			r.Backend, r.ModelID, r.Photos, r.SentBytes, int64(r.Busy), r.MeasuredNS)
		return err
	})
}

// after adds what is remembered of an older measurement.
func (r Rate) after(old Rate) Rate {
	share := min(1, float64(rateMemory)/float64(old.Photos))
	r.Photos += int64(share * float64(old.Photos))
	r.SentBytes += int64(share * float64(old.SentBytes))
	r.Busy += time.Duration(share * float64(old.Busy))
	return r
}

// LastRate returns how fast a backend was with a model lately, and whether that
// was ever measured.
func (d *DB) LastRate(ctx context.Context, backend string, modelID int64) (Rate, bool, error) {
	r, ok, err := rate(ctx, d.r, backend, modelID)
	return r, ok, wrap(fmt.Sprintf("read rate of %s", backend), err)
}

func rate(ctx context.Context, q querier, backend string, modelID int64) (Rate, bool, error) {
	r := Rate{Backend: backend, ModelID: modelID}
	var busy int64
	err := q.QueryRowContext(ctx, `SELECT photos, sent_bytes, busy_ns, measured_ns FROM rates
		WHERE backend = ? AND model_id = ?`, backend, modelID).Scan(&r.Photos, &r.SentBytes, &busy, &r.MeasuredNS)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Rate{}, false, nil
	case err != nil:
		return Rate{}, false, err
	}
	r.Busy = time.Duration(busy)
	return r, true, nil
}
