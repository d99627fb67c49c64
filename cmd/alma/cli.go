package main

// cli is the command line, as kong reads it from the tags.
type cli struct {
	settings
	connection

	Demo    demoCmd    `cmd:"" help:"See it work: a server, a listener, and a few memories that change."`
	Serve   serveCmd   `cmd:"" help:"Run the server."`
	Listen  listenCmd  `cmd:"" help:"Run a listener that verifies deliveries and prints them."`
	Event   eventCmd   `cmd:"" help:"Send and list events."`
	Memory  memoryCmd  `cmd:"" help:"Save, search and merge memories."`
	Webhook webhookCmd `cmd:"" help:"Register and look after webhooks."`

	Dashboard dashboardCmd `cmd:"" help:"Print a link that signs in to the dashboard."`

	Delivery deliveryCmd `cmd:"" help:"Look at deliveries, and retry them."`
	Replay   replayCmd   `cmd:"" help:"Look after replays; \"alma webhook replay\" starts one."`
	Purge    purgeCmd    `cmd:"" help:"Erase personal data for good."`
	Secret   secretCmd   `cmd:"" help:"Look after the key that seals secrets in the database."`
	Key      keyCmd      `cmd:"" help:"Manage API keys."`
	Audit    auditCmd    `cmd:"" help:"See who changed what."`
	Source   sourceCmd   `cmd:"" help:"Let foreign systems, such as Ex Libris Alma, send events here."`
	Health   healthCmd   `cmd:"" help:"Ask a server whether it works, for containers and scripts."`
	Apply    applyCmd    `cmd:"" help:"Make webhooks, sources and keys what a config file declares."`
	Backup   backupCmd   `cmd:"" help:"Copy the database into a file, while the server runs."`
	Restore  restoreCmd  `cmd:"" help:"Make a database of a backup."`
	Import   importCmd   `cmd:"" help:"Take over the memories of the Python library."`
	Sign     signCmd     `cmd:"" help:"Sign a body, as a delivery would be."`
	Verify   verifyCmd   `cmd:"" help:"Verify the signature of a body."`
	Bench    benchCmd    `cmd:"" help:"Measure this machine: a bare HTTP client, then the engine, in one run."`
	Version  versionCmd  `cmd:"" help:"Print the version."`

	Completion completionCmd `cmd:"" help:"Print the script with which a shell completes commands and flags."`
	Man        manCmd        `cmd:"" help:"Print the man page."`
}

// settings hold for every command.
type settings struct {
	Config   configFlag `help:"A file of settings, one \"name: value\" a line, named like the flags; it may declare webhooks, sources and keys (see \"alma apply\")." env:"ALMA_CONFIG" placeholder:"FILE"`
	LogLevel string     `help:"Log from this level on: debug, info, warn or error." enum:"debug,info,warn,error" default:"info" env:"ALMA_LOG_LEVEL"`
}

// connection is how client commands reach the server.
type connection struct {
	Server string `help:"The server's address." default:"http://127.0.0.1:2562" env:"ALMA_SERVER"`
	APIKey string `name:"api-key" help:"The API key. Without one, the file that \"alma serve\" left beside its database is read." env:"ALMA_API_KEY" placeholder:"KEY"`
	DB     string `name:"db" help:"The server's database: an SQLite file, or postgres://user:password@host:5432/database." default:"alma.db" env:"ALMA_DB"`
	CA     string `name:"server-ca" help:"Trust the certificate authorities in this PEM file, besides the system's, when the server speaks https." env:"ALMA_SERVER_CA" placeholder:"FILE"`
	Wait   span   `help:"Give up on the server after so long." default:"30s" env:"ALMA_WAIT"`
}

// listing is how lists are printed, and how much of them.
type listing struct {
	Output string `help:"table or json." enum:"table,json" default:"table" short:"o" env:"ALMA_OUTPUT"`
	Limit  int    `help:"At most so many rows, 1 to 200." default:"50"`
	After  string `help:"Go on after this place, as printed below an earlier list." placeholder:"PLACE"`
}
