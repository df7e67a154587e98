//! The Redshift destination: carries out, over the Data API, the statements that `pipeline::destination` decides.
