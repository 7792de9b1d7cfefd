//! The blocks of a model: at hand, or read anew each time they run.
//!
//! On the CPU a block is little more than maps of its file, so reading it anew costs what the disk costs, and letting go of it
//! gives back the memory that its weights have taken. On a GPU it is copied there each time.

use crate::engine::Error;

/// Makes the block of a number.
type Make<B> = Box<dyn Fn(usize) -> Result<B, Error>>;

/// Blocks of one kind, in order.
pub(crate) struct Blocks<B> {
    make: Make<B>,
    count: usize,
    /// The first ones.
    at_hand: Vec<B>,
}

impl<B> Blocks<B> {
    /// So many blocks, none of them at hand.
    pub(crate) fn new(count: usize, make: impl Fn(usize) -> Result<B, Error> + 'static) -> Self {
        Self {
            make: Box::new(make),
            count,
            at_hand: Vec::new(),
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Brings the first `wanted` blocks to hand and lets go of the others. `on_block` is called before each that is read.
    ///
    /// # Errors
    /// Those of `on_block`; when a tensor is missing or has an unexpected shape.
    pub(crate) fn hold(
        &mut self,
        wanted: usize,
        on_block: &mut dyn FnMut(usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.at_hand.truncate(wanted);
        for i in self.at_hand.len()..wanted.min(self.count) {
            on_block(i)?;
            self.at_hand.push((self.make)(i)?);
        }
        Ok(())
    }

    /// Runs one block.
    ///
    /// # Errors
    /// Those of the block; when it cannot be read.
    pub(crate) fn run<R>(
        &self,
        i: usize,
        run: impl FnOnce(&B) -> candle_core::Result<R>,
    ) -> Result<R, Error> {
        match self.at_hand.get(i) {
            Some(block) => Ok(run(block)?),
            None => Ok(run(&(self.make)(i)?)?),
        }
    }
}
