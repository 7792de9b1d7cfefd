//! The blocks of a model: resident in memory, or streamed from their file each time they run.
//!
//! On the CPU a block is little more than maps of its file, so streaming it costs what the disk costs, and dropping it frees
//! the memory of its weights. On a GPU it is copied there each time.

use crate::engine::error::Result;

/// Makes the block of a number.
type Make<B> = Box<dyn Fn(usize) -> Result<B>>;

/// Blocks of one kind, in order.
pub(crate) struct Blocks<B> {
    make: Make<B>,
    count: usize,
    /// The first ones, which are in memory.
    resident: Vec<B>,
}

impl<B> Blocks<B> {
    /// `count` blocks, none of them resident.
    pub(crate) fn new(count: usize, make: impl Fn(usize) -> Result<B> + 'static) -> Self {
        Self {
            make: Box::new(make),
            count,
            resident: Vec::new(),
        }
    }

    /// How many blocks there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Loads the first `wanted` blocks and evicts the others. `on_block` is called before each that is read.
    ///
    /// # Errors
    /// Those of `on_block`; when a tensor is missing or has an unexpected shape.
    pub(crate) fn keep_resident(
        &mut self,
        wanted: usize,
        on_block: &mut dyn FnMut(usize) -> Result<()>,
    ) -> Result<()> {
        self.resident.truncate(wanted);
        for i in self.resident.len()..wanted.min(self.count) {
            on_block(i)?;
            self.resident.push((self.make)(i)?);
        }
        Ok(())
    }

    /// Runs one block.
    ///
    /// # Errors
    /// Those of the block; when it cannot be read.
    pub(crate) fn run<R>(&self, i: usize, run: impl FnOnce(&B) -> Result<R>) -> Result<R> {
        match self.resident.get(i) {
            Some(block) => run(block),
            None => run(&(self.make)(i)?),
        }
    }
}
