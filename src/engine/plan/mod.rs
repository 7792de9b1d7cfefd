//! How a job will run in the memory there is: what stays resident, what is streamed, what is done piece by piece.
//!
//! [`sizes`] are read from the headers of a model's files; [`ways`] is arithmetic on them and knows no device. The fastest way
//! whose peak fits the budget is taken. A plan changes how long a job takes and, where it decodes in tiles, very slightly the
//! picture; nothing else. What plans are made of is gathered in [`outlook`], which also shows them before a job.

pub mod load;
pub mod memory;
pub mod outlook;
pub mod sizes;
pub mod speed;
pub mod ways;
