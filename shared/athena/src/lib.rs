//! The lake on AWS: its tables in the Glue catalogue, and SQL over them by Athena.
