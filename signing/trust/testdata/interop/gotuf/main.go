// Command gotuf follows a trust repository with go-tuf's own updater and prints
// what it found, as JSON, as follow.js does with tuf-js.
//
//	gotuf BASE-URL STATE-FOLDER TARGET-PATH...
//
// STATE-FOLDER holds the pinned root.json and keeps the client's state.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"
)

type found struct {
	Length int64  `json:"length"`
	SHA256 string `json:"sha256"`
}

type answer struct {
	Root      int64             `json:"root"`
	Timestamp int64             `json:"timestamp"`
	Snapshot  int64             `json:"snapshot"`
	Found     map[string]*found `json:"found"`
}

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(base, dir string, targets []string) error {
	root, err := os.ReadFile(filepath.Join(dir, "root.json"))
	if err != nil {
		return err
	}
	cfg, err := config.New(base, root)
	if err != nil {
		return err
	}
	cfg.RemoteTargetsURL, cfg.LocalMetadataDir, cfg.LocalTargetsDir = base, dir, dir
	up, err := updater.New(cfg)
	if err != nil {
		return err
	}
	if err := up.Refresh(); err != nil {
		return err
	}
	out := answer{Found: map[string]*found{}}
	for _, path := range targets {
		info, err := up.GetTargetInfo(path)
		if err != nil {
			out.Found[path] = nil
			continue
		}
		_, data, err := up.DownloadTarget(info, filepath.Join(dir, "target"), "")
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		out.Found[path] = &found{int64(len(data)), hex.EncodeToString(sum[:])}
	}
	set := up.GetTrustedMetadataSet()
	out.Root, out.Timestamp, out.Snapshot = set.Root.Signed.Version, set.Timestamp.Signed.Version, set.Snapshot.Signed.Version
	return json.NewEncoder(os.Stdout).Encode(out)
}
