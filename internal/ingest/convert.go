package ingest

import (
	"strings"

	"github.com/dupfind/dupfind/internal/decode"
	"github.com/dupfind/dupfind/store"
)

// withFacts gives a row the facts of the very file that was read, which may
// differ from those of the walk.
func withFacts(f store.File, d decode.Facts) store.File {
	f.SizeBytes, f.MtimeNS, f.Device, f.Inode = d.SizeBytes, d.MtimeNS, d.Device, d.Inode
	f.State, f.Decoder = store.StatePhoto, decode.Version
	f.Reason, f.Detail = "", ""
	return f
}

// withSkip gives a row the reason why it cannot be compared.
func withSkip(f store.File, e *decode.SkipError) store.File {
	f.State, f.Decoder, f.ContentID = store.StateSkipped, decode.Version, 0
	f.Reason, f.Detail = string(e.Reason), ""
	if e.Err != nil {
		f.Detail, _, _ = strings.Cut(e.Err.Error(), "\n")
	}
	return f
}

// content is the row of a decoded photo's content.
func content(p *decode.Photo) *store.Content {
	return &store.Content{
		SHA256: p.SHA256, SizeBytes: p.SizeBytes, Format: p.Format,
		Width: p.Width, Height: p.Height, Decoder: decode.Version,
		TileHash: p.TileHash, LowDetail: p.LowDetail, JPEGQuality: p.JPEGQuality, HasICC: p.HasICC,
		Thumb: p.Thumb, Exif: exif(p.Exif),
	}
}

func exif(e decode.Exif) store.Exif {
	return store.Exif{
		Present: e.Present, Make: e.Make, Model: e.Model, Lens: e.Lens, Software: e.Software,
		TakenAt: e.TakenAt, SubSec: e.SubSec, Offset: e.Offset,
		HasGPS: e.HasGPS, Latitude: e.Latitude, Longitude: e.Longitude,
		Rating: e.Rating, Caption: e.Caption,
		ExposureTime: e.ExposureTime, FNumber: e.FNumber, ExposureBias: e.ExposureBias, ISO: e.ISO,
		Sequence: e.Sequence,
	}
}
