package quarantine

import "strings"

// joinPath joins a root and a path below it, bytes as they are: filepath.Join would clean names.
func joinPath(root, rel string) string {
	if rel == "" {
		return root
	}
	return strings.TrimSuffix(root, "/") + "/" + rel
}
