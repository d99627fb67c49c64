// Package manual writes what a shell and a reader of manuals want to know about
// a command line: completion scripts and a man page. All of it comes from the
// model that kong parses arguments with, so that it cannot fall behind.
package manual
