//go:build !linux

package optic

func probe() {}
