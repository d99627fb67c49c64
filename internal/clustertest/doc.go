// Package clustertest holds tests of many nodes: servers that are processes of
// their own, on a real PostgreSQL, which get killed, frozen, started and
// stopped while events come in.
//
// The short form runs with every test run. ALMA_CLUSTER_STEPS=n adds n random
// steps with the default lease and a database that is away for half a minute;
// ALMA_CLUSTER_SEED repeats them. ALMA_CLUSTER_THROUGHPUT=n measures with n
// events what one, two and three nodes deliver.
package clustertest
