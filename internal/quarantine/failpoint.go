package quarantine

// onFailpoint is called at each named step of a move, of a restore and of a recovery; tests set it to kill
// the process there, or to change files. It is nil in the program.
var onFailpoint func(name string)

// hit marks a step.
func hit(name string) {
	if onFailpoint != nil {
		onFailpoint(name)
	}
}
