package main

import (
	"debug/elf"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const deployDir = "../../deploy"

// variables are the names that the program takes from its environment.
func variables(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, leaf := range model(t).Leaves(false) {
		for _, group := range leaf.AllFlags(false) {
			for _, f := range group {
				names = append(names, f.Envs...)
			}
		}
	}
	return names
}

// checkUse parses a command line as the program does, and looks at the names of
// variables.
func checkUse(t *testing.T, where string, args, envs []string) {
	t.Helper()
	parser, err := newParser(&cli{}, io.Discard, io.Discard, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(args); err != nil {
		t.Errorf("%s: alma %s: %v", where, strings.Join(args, " "), err)
	}
	known := variables(t)
	for _, name := range envs {
		if strings.HasPrefix(name, "ALMA_") && !slices.Contains(known, name) {
			t.Errorf("%s: the program does not know the variable %s", where, name)
		}
	}
}

var variable = regexp.MustCompile(`\bALMA_[A-Z_]+`)

// TestDeployNamesExist: no file of deploy/ names a variable, also in a comment,
// that the program does not take.
func TestDeployNamesExist(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Dockerfile", "compose.yaml", "alma.service", "kubernetes/alma.yaml"} {
		checkUse(t, name, []string{"version"}, variable.FindAllString(deployFile(t, name), -1))
	}
}

func deployFile(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(deployDir, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestDockerfile(t *testing.T) {
	t.Parallel()
	last := map[string]string{} // Of the last stage.
	for line := range strings.SplitSeq(deployFile(t, "Dockerfile"), "\n") {
		instruction, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if instruction == "FROM" {
			last = map[string]string{}
		}
		last[instruction] += rest + "\n"
	}
	if last["FROM"] != "scratch\n" {
		t.Errorf("the image is made from %s; want scratch", last["FROM"])
	}
	uid, _, _ := strings.Cut(last["USER"], ":")
	if n, err := strconv.Atoi(uid); err != nil || n == 0 {
		t.Errorf("the user is %q; want a number that is not root's", last["USER"])
	}
	wants(t, "the image", last["COPY"], "/etc/ssl/certs/ca-certificates.crt", "/alma", "--chown="+strings.TrimSpace(last["USER"]))
	if last["RUN"] != "" {
		t.Errorf("scratch has nothing to run: %s", last["RUN"])
	}
	_, health, _ := strings.Cut(last["HEALTHCHECK"], "CMD ")
	for what, text := range map[string]string{"the health check": health, "the command": last["CMD"]} {
		var args []string
		if err := json.Unmarshal([]byte(text), &args); err != nil {
			t.Errorf("%s is not in exec form: %q", what, text)
			continue
		}
		checkUse(t, what, slices.DeleteFunc(args, func(s string) bool { return s == "/alma" }), nil)
	}
	wants(t, "the entry point", last["ENTRYPOINT"], `["/alma"]`)
}

func TestCompose(t *testing.T) {
	t.Parallel()
	var file struct {
		Services map[string]struct {
			Command     []string
			Environment map[string]string
			Build       struct{ Context, Dockerfile string }
			DependsOn   map[string]any `yaml:"depends_on"`
			Volumes     []string
		}
		Volumes map[string]any
	}
	if err := yaml.Unmarshal([]byte(deployFile(t, "compose.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	alma := file.Services["alma"]
	var names []string
	for name, value := range alma.Environment {
		names = append(names, name)
		if !strings.Contains(value, ":?") {
			t.Errorf("%s has a value in the file; want it from the environment", name)
		}
	}
	checkUse(t, "compose.yaml", alma.Command, names)
	if !slices.Contains(names, "ALMA_DB") || !slices.Contains(names, "ALMA_SECRET_KEY") || !slices.Contains(names, "ALMA_API_KEY") {
		t.Errorf("PostgreSQL needs ALMA_DB, ALMA_SECRET_KEY and ALMA_API_KEY; given are %v", names)
	}
	if _, err := os.Stat(filepath.Join(deployDir, alma.Build.Context, alma.Build.Dockerfile)); err != nil {
		t.Error(err)
	}
	for name := range alma.DependsOn {
		if _, ok := file.Services[name]; !ok {
			t.Errorf("there is no service %s", name)
		}
	}
	for _, v := range file.Services["postgres"].Volumes {
		if name, _, _ := strings.Cut(v, ":"); len(file.Volumes) != 1 || !hasKey(file.Volumes, name) {
			t.Errorf("there is no volume %s", name)
		}
	}
}

func hasKey(m map[string]any, key string) bool { _, ok := m[key]; return ok }

func TestUnit(t *testing.T) {
	t.Parallel()
	settings := map[string][]string{}
	for line := range strings.SplitSeq(deployFile(t, "alma.service"), "\n") {
		if name, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			settings[name] = append(settings[name], value)
		}
	}
	if len(settings["ExecStart"]) != 1 {
		t.Fatalf("the unit starts %q", settings["ExecStart"])
	}
	args := strings.Fields(settings["ExecStart"][0])
	if !filepath.IsAbs(args[0]) {
		t.Errorf("systemd wants the whole path of %s", args[0])
	}
	checkUse(t, "alma.service", args[1:], nil)
	for name, want := range map[string]string{
		"DynamicUser": "yes", "NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "CapabilityBoundingSet": "", "KillSignal": "SIGTERM", "StateDirectory": "alma",
	} {
		if !slices.Equal(settings[name], []string{want}) {
			t.Errorf("%s is %q; want %q", name, settings[name], want)
		}
	}
}

// manifest is of Kubernetes what the test looks at.
type manifest struct {
	Kind string
	Spec struct {
		Selector map[string]any
		Affinity string `yaml:"sessionAffinity"`
		Template struct {
			Metadata struct{ Labels map[string]any }
			Spec     struct {
				Grace           int            `yaml:"terminationGracePeriodSeconds"`
				SecurityContext map[string]any `yaml:"securityContext"`
				Containers      []struct {
					Args      []string
					Env       []struct{ Name string }
					Lifecycle struct {
						PreStop struct{ Sleep struct{ Seconds int } } `yaml:"preStop"`
					}
					LivenessProbe           probe          `yaml:"livenessProbe"`
					ReadinessProbe          probe          `yaml:"readinessProbe"`
					ContainerSecurityPolicy map[string]any `yaml:"securityContext"`
				}
			}
		}
	}
}

type probe struct {
	HTTPGet struct{ Path string } `yaml:"httpGet"`
}

func TestManifests(t *testing.T) {
	t.Parallel()
	byKind := map[string]manifest{}
	decoder := yaml.NewDecoder(strings.NewReader(deployFile(t, "kubernetes/alma.yaml")))
	for {
		var m manifest
		err := decoder.Decode(&m)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		byKind[m.Kind] = m
	}
	pod := byKind["Deployment"].Spec.Template
	if len(pod.Spec.Containers) != 1 {
		t.Fatalf("%d containers", len(pod.Spec.Containers))
	}
	c := pod.Spec.Containers[0]
	var names []string
	for _, e := range c.Env {
		names = append(names, e.Name)
	}
	checkUse(t, "alma.yaml", c.Args, names)
	if c.LivenessProbe.HTTPGet.Path != "/healthz" || c.ReadinessProbe.HTTPGet.Path != "/readyz" {
		t.Errorf("the probes ask %+v and %+v", c.LivenessProbe, c.ReadinessProbe)
	}
	pause := c.Lifecycle.PreStop.Sleep.Seconds
	if pause <= 0 {
		t.Error("a pod ends before requests stop being sent to it")
	}
	if pod.Spec.Grace <= 30+pause {
		t.Errorf("a pod is killed after %d s; want more than its pause and --grace", pod.Spec.Grace)
	}
	if byKind["Service"].Spec.Affinity != "ClientIP" {
		t.Error("a browser that is signed in at one pod is led to another")
	}
	if pod.Spec.SecurityContext["runAsNonRoot"] != true || c.ContainerSecurityPolicy["readOnlyRootFilesystem"] != true {
		t.Errorf("the pod is not held in: %v %v", pod.Spec.SecurityContext, c.ContainerSecurityPolicy)
	}
	for kind, selector := range map[string]map[string]any{
		"Service": byKind["Service"].Spec.Selector, "Deployment": labels(byKind["Deployment"]), "PodDisruptionBudget": labels(byKind["PodDisruptionBudget"]),
	} {
		if len(selector) == 0 {
			t.Errorf("the %s selects nothing", kind)
		}
		for name, value := range selector {
			if pod.Metadata.Labels[name] != value {
				t.Errorf("the %s selects %s=%v, which the pods are not", kind, name, value)
			}
		}
	}
}

func labels(m manifest) map[string]any {
	match, _ := m.Spec.Selector["matchLabels"].(map[string]any)
	return match
}

// TestBuildIsStatic: what `make build` makes runs on any Linux, and carries no
// symbols.
func TestBuildIsStatic(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("make")
	if err != nil || runtime.GOOS != "linux" || testing.Short() {
		t.Skip("only on Linux, with make")
	}
	name := filepath.Join(t.TempDir(), "alma")
	cmd := exec.CommandContext(t.Context(), program, "-C", "../..", "build", "BIN="+name, "VERSION=v0-test")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	file, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the program is linked dynamically: it has %v", p.Type)
		}
	}
	for _, section := range []string{".symtab", ".debug_info", ".zdebug_info"} {
		if file.Section(section) != nil {
			t.Errorf("the program carries %s", section)
		}
	}
	out, err := exec.CommandContext(t.Context(), name, "version").Output()
	if err != nil || !strings.Contains(string(out), "v0-test") {
		t.Errorf("the version is %q, %v", out, err)
	}
}
