package postgres

// Statements over alma_nodes and alma_slots.
const (
	sqlHoldNode     = `SELECT alma_hold_node($1, $2, $3)`
	sqlJoinSlots    = `UPDATE alma_slots SET joined = true WHERE slot = ANY($2::smallint[]) AND node = $1`
	sqlHoldRevision = `SELECT FROM alma_revision FOR UPDATE`
)
