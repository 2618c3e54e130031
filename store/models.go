package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Model is what gave vectors. Name and Digest together are its key.
type Model struct {
	ID           int64
	Name         string
	Digest       string // sha256:hex
	Dim          int
	ManifestJSON string
}

// EnsureModel returns the id of the model with m's name and digest, storing it
// if it is new. A manifest that differs from the stored one replaces it; another
// dimension under the same key is an error.
func (d *DB) EnsureModel(ctx context.Context, m Model) (id int64, err error) {
	err = d.write(ctx, fmt.Sprintf("store model %s@%s", m.Name, m.Digest), func(tx *sql.Tx) error {
		var dim int
		err := tx.QueryRowContext(ctx, `INSERT INTO models (name, digest, dim, manifest) VALUES (?, ?, ?, ?)
			ON CONFLICT (name, digest) DO UPDATE SET manifest = excluded.manifest RETURNING id, dim`,
			m.Name, m.Digest, m.Dim, m.ManifestJSON).Scan(&id, &dim)
		if err == nil && dim != m.Dim {
			return fmt.Errorf("vectors of %d numbers, stored ones have %d", m.Dim, dim)
		}
		return err
	})
	return id, err
}

func models(ctx context.Context, q querier) ([]Model, error) {
	return collect(seq(ctx, q, "list models", func(rows *sql.Rows, m *Model) error {
		return rows.Scan(&m.ID, &m.Name, &m.Digest, &m.Dim, &m.ManifestJSON)
	}, `SELECT id, name, digest, dim, manifest FROM models ORDER BY name, digest`))
}

// Models lists the models that ever gave vectors, by name.
func (d *DB) Models(ctx context.Context) ([]Model, error) { return models(ctx, d.r) }

// ModelFamily lists the models with a digest whose name is name, or name with a
// number behind it: NAME first, then NAME.2, NAME.3 and so on. One model gets
// several of them where backends run it so differently that their vectors must
// not meet; what tells them apart is their golden vectors.
func (d *DB) ModelFamily(ctx context.Context, name, digest string) ([]Model, error) {
	all, err := models(ctx, d.r)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(m Model) bool { return m.Digest != digest || memberNumber(m.Name, name) == 0 })
	slices.SortFunc(all, func(a, b Model) int {
		return cmp.Compare(memberNumber(a.Name, name), memberNumber(b.Name, name))
	})
	return all, nil
}

// memberNumber is 1 for the family's name, N for name.N, 0 for any other name.
func memberNumber(model, name string) int {
	if model == name {
		return 1
	}
	digits, ok := strings.CutPrefix(model, name+".")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 2 || strconv.Itoa(n) != digits {
		return 0
	}
	return n
}

// Last is what the last scan used, and the next one uses unless told otherwise.
type Last struct {
	ModelID   int64 // 0: none yet
	Backend   string
	ModelFlag string
}

// LastModel returns what SetLast stored, the zero Last before that.
func (d *DB) LastModel(ctx context.Context) (Last, error) { return lastModel(ctx, d.r) }

func lastModel(ctx context.Context, q querier) (l Last, err error) {
	type setting struct{ key, value string }
	for s, err := range seq(ctx, q, "read settings", func(rows *sql.Rows, s *setting) error {
		return rows.Scan(&s.key, &s.value)
	}, `SELECT key, value FROM settings`) {
		if err != nil {
			return Last{}, err
		}
		switch s.key {
		case "last_model_id":
			if l.ModelID, err = strconv.ParseInt(s.value, 10, 64); err != nil {
				return Last{}, fmt.Errorf("read setting %s: %w", s.key, err)
			}
		case "last_backend":
			l.Backend = s.value
		case "last_model_flag":
			l.ModelFlag = s.value
		}
	}
	return l, nil
}

// SetLast stores what a scan used.
func (d *DB) SetLast(ctx context.Context, l Last) error {
	return d.write(ctx, "store settings", func(tx *sql.Tx) error {
		for _, s := range [][2]string{
			{"last_model_id", strconv.FormatInt(l.ModelID, 10)},
			{"last_backend", l.Backend},
			{"last_model_flag", l.ModelFlag},
		} {
			_, err := tx.ExecContext(ctx, `INSERT INTO settings (key, value) VALUES (?, ?)
				ON CONFLICT (key) DO UPDATE SET value = excluded.value`, s[0], s[1])
			if err != nil {
				return err
			}
		}
		return nil
	})
}
