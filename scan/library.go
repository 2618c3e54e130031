package scan

import "strings"

// library is where a folder stands towards the libraries that other programs
// manage and that nobody else may change.
type library int

const (
	outside library = iota
	atTop           // the bundle itself: only the folder of photos is visited
	within          // inside that folder
)

// openLibraries hold photos as files, in folders of these names below them.
var openLibraries = []string{".photoslibrary", ".photolibrary", ".migratedphotolibrary"}

// closedLibraries hold previews, proxies and databases, or photos in a
// structure of their own.
var closedLibraries = []string{
	".aplibrary",                           // Aperture
	".lrdata", ".lrlibrary", ".lrcat-data", // Lightroom
	".cocatalog",                               // Capture One
	".imovielibrary", ".fcpbundle", ".theater", // iMovie, Final Cut
	".tvlibrary", ".musiclibrary",
}

// below is where a folder of this name inside l stands.
func (l library) below(name string) library {
	switch {
	case l != outside:
		return within
	case hasSuffix(name, openLibraries):
		return atTop
	}
	return outside
}

// managed reports whether files directly in l belong to another program.
func (l library) managed() bool { return l != outside }

// hides reports whether an entry of this name directly in l is an internal
// of the library.
func (l library) hides(name string, dir bool) bool {
	if l != atTop {
		return false
	}
	return !dir || !strings.EqualFold(name, "originals") && !strings.EqualFold(name, "masters")
}

func isClosedLibrary(name string) bool { return hasSuffix(name, closedLibraries) }

func hasSuffix(name string, suffixes []string) bool {
	for _, s := range suffixes {
		if len(name) > len(s) && strings.EqualFold(name[len(name)-len(s):], s) {
			return true
		}
	}
	return false
}
