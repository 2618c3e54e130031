package fsx

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// fsNames maps the magic numbers of statfs(2) and linux/magic.h to names.
var fsNames = map[uint32]string{
	unix.EXT4_SUPER_MAGIC: "ext4", unix.XFS_SUPER_MAGIC: "xfs", unix.BTRFS_SUPER_MAGIC: "btrfs",
	unix.F2FS_SUPER_MAGIC: "f2fs", unix.TMPFS_MAGIC: "tmpfs", unix.OVERLAYFS_SUPER_MAGIC: "overlay",
	unix.MSDOS_SUPER_MAGIC: "vfat", unix.EXFAT_SUPER_MAGIC: "exfat", 0x7366746e: "ntfs3", 0x5346544e: "ntfs",
	unix.FUSE_SUPER_MAGIC: "fuse", unix.NFS_SUPER_MAGIC: "nfs", unix.SMB_SUPER_MAGIC: "smb",
	unix.CIFS_SUPER_MAGIC: "cifs", unix.SMB2_SUPER_MAGIC: "smb", unix.AFS_SUPER_MAGIC: "afs",
	unix.V9FS_MAGIC: "9p", unix.CEPH_SUPER_MAGIC: "ceph", unix.CODA_SUPER_MAGIC: "coda",
	unix.NCP_SUPER_MAGIC: "ncp", 0x2fc12fc1: "zfs", unix.SQUASHFS_MAGIC: "squashfs", unix.ISOFS_SUPER_MAGIC: "iso9660",
}

// FSType returns the type of the filesystem that holds path, such as "ext4" or "nfs"; an unknown one is
// its magic number.
func FSType(path string) (string, error) {
	var st unix.Statfs_t
	if err := ignoringEINTR(func() error { return unix.Statfs(path, &st) }); err != nil {
		return "", &os.PathError{Op: "statfs", Path: path, Err: err}
	}
	magic := uint32(st.Type) // signed and wider on some chips; the numbers are 32 bits
	if name, ok := fsNames[magic]; ok {
		return name, nil
	}
	return fmt.Sprintf("%#x", magic), nil
}
