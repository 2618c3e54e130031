package store

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// mountSmall mounts a filesystem of so many bytes on dir for the test, if it may.
func mountSmall(t *testing.T, dir string, sizeBytes int) bool {
	t.Helper()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+strconv.Itoa(sizeBytes)); err != nil {
		return false
	}
	// Registered before the libraries in it are closed by theirs, hence run after.
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return true
}

// TestReadOnlyFolder: what cannot be read says why, and not that a file that
// the user sees is missing.
func TestReadOnlyFolder(t *testing.T) {
	dir := t.TempDir()
	if !mountSmall(t, dir, 3<<20) {
		t.Log("no right to mount")
		return
	}
	path := filepath.Join(dir, "x.db")
	d, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	for _, readOnly := range []bool{false, true} {
		if _, err := Open(t.Context(), path, Options{ReadOnly: readOnly}); !errors.Is(err, ErrAccess) {
			t.Errorf("read-only %v: got %v, want ErrAccess", readOnly, err)
		}
	}
	if _, err := Lock(path, "scan"); !errors.Is(err, fs.ErrPermission) && !errors.Is(err, unix.EROFS) {
		t.Errorf("lock: got %v, want EROFS", err)
	}
}

func TestNetworkFSName(t *testing.T) {
	for magic, want := range map[int64]string{
		unix.NFS_SUPER_MAGIC: "nfs", unix.SMB_SUPER_MAGIC: "smb", unix.CIFS_SUPER_MAGIC: "smb", unix.SMB2_SUPER_MAGIC: "smb",
		unix.AFS_FS_MAGIC: "afs", unix.AFS_SUPER_MAGIC: "afs", unix.EXT4_SUPER_MAGIC: "", unix.TMPFS_MAGIC: "",
		unix.FUSE_SUPER_MAGIC: "", int64(int32(-0x00acb2be)): "smb", // as a signed 32 bit number
	} {
		if got := networkFSName(magic); got != want {
			t.Errorf("%#x: got %q, want %q", magic, got, want)
		}
	}
}
