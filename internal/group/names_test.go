package group

import "testing"

func TestCleanName(t *testing.T) {
	for name, clean := range map[string]bool{
		"IMG_1.jpg":                          true,
		"IMG_20190502_120000.jpg":            true,
		"DSC01234.ARW":                       true,
		"PXL_20230102_030405678.jpg":         true,
		"Strand.jpg":                         true,
		"2.jpg":                              true,
		"(1).jpg":                            true, // nothing else is left of the name
		"copy.jpg":                           true,
		"Kopie.jpg":                          true,
		"photocopy.jpg":                      true,
		"a/b (1)/IMG_1.jpg":                  true,  // the folder's name says nothing
		"IMG_1":                              false, // lost its extension
		".jpg":                               true,
		"":                                   true,
		"IMG_1 (1).jpg":                      false, // Windows, browsers
		"IMG_1(12).jpg":                      false,
		"copy of IMG_1.jpg":                  false, // Windows XP, Google
		"Copy of IMG_1.jpg":                  false,
		"Kopie von IMG_1.jpg":                false,
		"Copie de IMG_1.jpg":                 false,
		"Copia di IMG_1.jpg":                 false,
		"Copy (2) of IMG_1.jpg":              false,
		"IMG_1 - Kopie.jpg":                  false, // Windows, German
		"IMG_1 - Kopie (2).jpg":              false,
		"IMG_1 - Copy.jpg":                   false,
		"IMG_1 - Copie.jpg":                  false,
		"IMG_1 copy.jpg":                     false, // macOS
		"IMG_1 copy 3.jpg":                   false,
		"IMG_1 Kopie.jpg":                    false,
		"IMG_1_copy.jpg":                     false,
		"IMG_1 2.jpg":                        false, // iCloud, Finder
		"IMG_1~2.jpg":                        false, // Android
		"IMG_1_duplicate.jpg":                false,
		"IMG_1 (Anna's conflicted copy).jpg": false, // Dropbox
		"IMG_1 (conflict 2020-01-02).jpg":    false,
		"IMG_1 (1)":                          false,
		"x/y/IMG_1 (1).HEIC":                 false,
		"\xff\xfe (3).jpg":                   false, // a name is bytes
	} {
		if got := cleanName(name); got != clean {
			t.Errorf("cleanName(%q): got %v, want %v", name, got, clean)
		}
	}
}
