// Package postgres keeps everything Alma knows in a PostgreSQL database, which
// many processes may use at once.
package postgres
