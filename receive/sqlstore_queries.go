package receive

import (
	"strconv"
	"strings"
)

// States of a row.
const (
	stateClaimed = 0
	stateDone    = 1
)

// statements are in the words that SQLite, PostgreSQL and MySQL share. Times
// are milliseconds since 1970.
type statements struct {
	create, insert, find, takeOver, done, release, forget string
}

func newStatements(o SQLOptions) statements {
	q := func(text string) string {
		text = strings.ReplaceAll(text, "{table}", o.Table)
		if o.Placeholder == Dollar {
			text = numbered(text)
		}
		return text
	}
	return statements{
		create: q(`CREATE TABLE IF NOT EXISTS {table} (
			id CHAR(64) NOT NULL PRIMARY KEY, state INTEGER NOT NULL, owner CHAR(32) NOT NULL, expires BIGINT NOT NULL)`),
		insert:   q(`INSERT INTO {table} (id, state, owner, expires) VALUES (?, ?, ?, ?)`),
		find:     q(`SELECT state, expires FROM {table} WHERE id = ?`),
		takeOver: q(`UPDATE {table} SET state = ?, owner = ?, expires = ? WHERE id = ? AND state = ? AND expires = ?`),
		done:     q(`UPDATE {table} SET state = ?, expires = ? WHERE id = ?`),
		release:  q(`DELETE FROM {table} WHERE id = ? AND state = ? AND owner = ?`),
		forget:   q(`DELETE FROM {table} WHERE expires <= ?`),
	}
}

// numbered replaces each "?" by "$1", "$2", ….
func numbered(text string) string {
	var b strings.Builder
	for i, part := range strings.Split(text, "?") {
		if i > 0 {
			b.WriteString("$" + strconv.Itoa(i))
		}
		b.WriteString(part)
	}
	return b.String()
}
