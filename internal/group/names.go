package group

import (
	"path"
	"regexp"
	"strings"
)

// copyMarks are what systems and people put into the name of a copy, matched
// against the lower-case name without its extension. Each was seen in the wild;
// the table in names_test.go says where.
var copyMarks = []*regexp.Regexp{
	regexp.MustCompile(`\(\d{1,3}\)$`), // IMG_1 (1)
	regexp.MustCompile(`^(copy|kopie|copie|copia|kopia) (\(\d{1,3}\) )?(of|von|de|di|af|av|van) `), // copy of IMG_1
	regexp.MustCompile(`[ _-]+(copy|kopie|copie|copia|kopia|kopi)([ _-]?\(?\d{1,3}\)?)?$`),         // IMG_1 - Kopie (2), IMG_1 copy 3
	regexp.MustCompile(` \d{1,2}$`), // IMG_1 2: Finder, iCloud
	regexp.MustCompile(`~\d{1,2}$`), // IMG_1~2: Android
	regexp.MustCompile(`[ _-]+(duplicate|duplikat|conflict|conflicted copy)\b.*$`), // sync clients
	regexp.MustCompile(`\((konflikt|conflict|conflicted copy|.*'s conflicted copy).*\)$`),
}

// cleanName says whether a file's name looks like one that a camera or a
// person gave, and not like one that a copying program made of it. A trailing
// blank and number count as a copy's mark only behind another digit or letter,
// as in "IMG_1 2", never when the name is nothing else. A name that has lost its
// extension is not clean: other programs will not know it for a photo.
func cleanName(p string) bool {
	base := path.Base(p)
	if path.Ext(base) == "" {
		return false
	}
	stem := strings.ToLower(strings.TrimSuffix(base, path.Ext(base)))
	for _, m := range copyMarks {
		if at := m.FindStringIndex(stem); at != nil && at[1]-at[0] < len(stem) {
			return false
		}
	}
	return true
}
