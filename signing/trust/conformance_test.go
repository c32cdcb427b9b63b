// CONFORMANCE.md is held to what the tests of this package are.
package trust

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// retold is every scenario of the suite, by their file.
var retold = map[string][]string{
	"basic": {"basic_refresh_requests", "basic_refresh_trusted_data", "implicit_refresh", "invalid_initial_root", "unsigned_initial_root",
		"unsigned_metadata", "url_and_metadata_version_mismatch", "timestamp_content_changes", "basic_metadata_hash_support", "targets_hash_mismatch",
		"snapshot_hash_mismatch", "metadata_bytes_match", "custom_fields", "deprecated_keyid_hash_algorithms", "snapshot_404", "targets_404", "timestamp_404",
		"incorrect_metadata_type", "faketime"},
	"expiration":          {"root_expired", "timestamp_expired", "snapshot_expired", "targets_expired", "expired_local_root", "expired_local_timestamp"},
	"file download":       {"client_downloads_expected_file", "client_downloads_expected_file_in_sub_dir", "repository_substitutes_target_file", "multiple_changes_to_target", "download_with_hash_algorithms", "download_with_unknown_hash_algorithm", "artifact_cache"},
	"keys":                {"snapshot_does_not_meet_threshold", "snapshot_has_too_few_keys", "duplicate_keys", "duplicate_sig_keyids", "keytype_and_scheme", "invalid_sig_in_valid_metadata"},
	"quoting":             {"unusual_role_name"},
	"rollback":            {"new_timestamp_version_rollback", "snapshot_rollback", "targets_role_removal", "targets_fast_forward_recovery", "new_snapshot_fast_forward_recovery", "new_timestamp_fast_forward_recovery", "targets_rollback"},
	"static repositories": {"static_repository"},
	"delegations":         {"graph_traversal", "targetfile_search", "cached_role_is_verified_against_current_delegator", "delegation_not_in_snapshot"},
	"key rotations":       {"root_rotation", "non_root_rotations"},
}

func TestConformanceTable(t *testing.T) {
	mine := map[string]bool{}
	files, err := filepath.Glob("*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && len(fn.Type.Params.List) == 1 {
				mine[fn.Name.Name] = true
			}
		}
	}
	table, err := os.ReadFile("CONFORMANCE.md")
	if err != nil {
		t.Fatal(err)
	}
	word := regexp.MustCompile("`(\\w+)`")
	told, used := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(string(table)) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.HasPrefix(cells[1], " `test_") {
			continue
		}
		theirs := word.FindStringSubmatch(cells[1])[1]
		if told[theirs] {
			t.Errorf("%s has two lines", theirs)
		}
		told[theirs] = true
		names := word.FindAllStringSubmatch(cells[2], -1)
		if len(names) == 0 {
			t.Errorf("%s has no test of ours", theirs)
		}
		for _, n := range names {
			if used[n[1]] = true; !mine[n[1]] || !strings.HasPrefix(n[1], "Test") {
				t.Errorf("%s: there is no test %s", theirs, n[1])
			}
		}
	}
	count := 0
	for file, list := range retold {
		for _, name := range list {
			if count++; !told["test_"+name] {
				t.Errorf("%s: test_%s has no line", file, name)
			}
			delete(told, "test_"+name)
		}
	}
	for name := range told {
		t.Errorf("%s is not one of theirs", name)
	}
	for name := range mine {
		if strings.HasPrefix(name, "TestTUF") && !used[name] {
			t.Errorf("%s retells none of theirs", name)
		}
	}
	if count != 53 {
		t.Errorf("%d scenarios, not 53", count)
	}
}
