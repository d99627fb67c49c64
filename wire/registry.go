package wire

import (
	"slices"

	"github.com/alma-events/alma"
)

// Version is the version of Alma that requests name in their User-Agent. A
// build may set it with -ldflags "-X github.com/alma-events/alma/wire.Version=…".
var Version = "0.1.0"

// formats holds every format, the default first.
var formats = []Format{almaFormat{}, exlibrisFormat{}, standardFormat{}, cloudEventsFormat{}}

// Lookup returns the format of that name; the empty name is that of the
// default, [alma.FormatAlma].
func Lookup(name alma.Format) (Format, bool) {
	if name == "" {
		return formats[0], true
	}
	i := slices.IndexFunc(formats, func(f Format) bool { return f.Name() == name })
	if i < 0 {
		return nil, false
	}
	return formats[i], true
}

// Formats returns all formats, the default first.
func Formats() []Format { return slices.Clone(formats) }

var userAgent = "alma/" + Version
