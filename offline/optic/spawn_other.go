//go:build !windows

// How the child is started: as any process.

package optic

import "syscall"

func childAttr() *syscall.SysProcAttr { return nil }
