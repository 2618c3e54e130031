package fsx

import "slices"

// networkTypes are the names, as FSType gives them, of filesystems whose files lie on another machine.
var networkTypes = []string{"nfs", "smb", "cifs", "smbfs", "afs", "afpfs", "ncp", "webdav", "9p", "ceph", "coda"}

// IsNetwork says whether path lies on a network filesystem, and the filesystem's type.
func IsNetwork(path string) (network bool, fsType string, err error) {
	fsType, err = FSType(path)
	return slices.Contains(networkTypes, fsType), fsType, err
}
