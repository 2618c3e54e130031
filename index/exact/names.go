package exact

// Kernels lists the kernels that this processor can run, the fastest first.
func Kernels() []string {
	var here []string
	for i := range kernels {
		if kernels[i].lacks() == "" {
			here = append(here, kernels[i].name)
		}
	}
	return here
}
