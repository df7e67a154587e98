//! How much memory operators of queries get: little where they can go on with files, much where they can't.

use std::fmt;

use datafusion::common::resources_datafusion_err;
use datafusion::error::Result;
use datafusion::execution::memory_pool::{
    GreedyMemoryPool, MemoryLimit, MemoryPool, MemoryReservation,
};

/// A pool in which every operator that can write its rows to files does so from the same size on, whoever else is at
/// work: so neither what a run takes grows with its tables, nor does the order of equal rows hang on chance.
#[derive(Debug)]
pub(crate) struct Pool {
    all: GreedyMemoryPool,
    spilling_bytes: usize,
}

impl Pool {
    /// A pool of `bytes`, of which an operator that can write files gets `spilling_bytes`.
    pub(crate) fn new(bytes: usize, spilling_bytes: usize) -> Self {
        Pool {
            all: GreedyMemoryPool::new(bytes),
            spilling_bytes,
        }
    }

    /// Whether it is time to write files. The first piece has to be held in any case: it can't be written before.
    fn is_enough(&self, reservation: &MemoryReservation, additional: usize) -> bool {
        reservation.consumer().can_spill()
            && reservation.size() > 0
            && reservation.size() + additional > self.spilling_bytes
    }
}

impl MemoryPool for Pool {
    fn name(&self) -> &str {
        "frugal"
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.all.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.all.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        if self.is_enough(reservation, additional) {
            return Err(resources_datafusion_err!(
                "{} holds {} bytes and is to write files before it takes {additional} more",
                reservation.consumer().name(),
                reservation.size()
            ));
        }
        self.all.try_grow(reservation, additional)
    }

    fn reserved(&self) -> usize {
        self.all.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.all.memory_limit()
    }
}

impl fmt::Display for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}, {} bytes where files can be written",
            self.all, self.spilling_bytes
        )
    }
}
