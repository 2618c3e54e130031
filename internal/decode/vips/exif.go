package vips

// exifOf is the EXIF block where this package finds it better than libvips does; nil elsewhere.
func exifOf(data []byte, format string) []byte {
	if format == "tiff" {
		return data
	}
	return nil
}

func orientationOf(exif []byte, format string) int { return 0 }
