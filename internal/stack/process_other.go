//go:build unix && !linux

package stack

import "syscall"

// attributes put a program into a process group of its own, so that Ctrl-C reaches us alone and we end it in order.
// Only Linux ends it when we are killed.
func attributes(as *syscall.Credential, _ syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: as, Setpgid: true}
}
