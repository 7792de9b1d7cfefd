//! A matched file as updates that can act.

use std::collections::HashMap;
use std::sync::Arc;

use crate::engine::compute::array::Array;
use crate::engine::compute::hardware::Hardware;
use crate::engine::error::{Error, Result};
use crate::engine::layers::delta::Delta;
use crate::engine::layers::dora::{Axis, Lengths, Manner};
use crate::engine::layers::update::{RowsPart, Update};
use crate::engine::lora::layouts::{Part, Role};
use crate::engine::lora::matching::{self, Matched};
use crate::engine::lora::pieces::{Change, Form};
use crate::engine::lora::report::Report;
use crate::engine::lora::targets::Targets;
use crate::engine::tensors::file::TensorFile;
use crate::weights::lora::LoraFile;

/// Updates by part and layer.
type Updates = HashMap<(Part, String), Vec<Arc<Update>>>;

/// A LoRA that has been read.
pub struct Loaded {
    /// What of the file matched the model.
    pub report: Report,
    pub(crate) updates: Updates,
    /// About how much memory it takes, in bytes.
    pub(crate) bytes: usize,
}

impl Loaded {
    /// Whether it changes a text encoder.
    pub(crate) fn changes_text(&self) -> bool {
        let mut parts = self.updates.keys().map(|(part, _)| *part);
        parts.any(|part| part != Part::Transformer)
    }
}

/// A LoRA whose layers are paired with the model's, and not read yet.
pub struct Opened {
    file: TensorFile,
    matched: Matched,
}

impl Opened {
    /// Opens a file and pairs it with a model. Only its header is read.
    ///
    /// # Errors
    /// The rest of a sentence about the file, such as "it is a LoRA for SDXL".
    pub fn open(file: &LoraFile, targets: &Targets) -> std::result::Result<Self, String> {
        let contents = file.open().map_err(|error| error.to_string())?;
        let parsed = TensorFile::parse("the file".to_owned(), contents);
        let parsed = parsed.map_err(|error| error.to_string())?;
        let matched = matching::pair(&parsed, targets, file.peft_config.as_deref())?;
        Ok(Self {
            file: parsed,
            matched,
        })
    }

    /// Reads what matches, in the computation's precision.
    ///
    /// # Errors
    /// When the file cannot be read, or memory runs out.
    pub fn load(&self, hardware: &Hardware) -> Result<Loaded> {
        let Matched { changes, report } = &self.matched;
        let updates = read(&self.file, changes, hardware)?;
        let names = changes.iter().flat_map(|change| change.tensors.values());
        let shapes = names.filter_map(|name| self.file.shape(name));
        let numbers: usize = shapes.map(|shape| shape.iter().product::<usize>()).sum();
        Ok(Loaded {
            report: report.clone(),
            updates,
            bytes: numbers.saturating_mul(hardware.number_bytes() as usize),
        })
    }
}

/// Returns the match report of a LoRA and a model. Only headers are read.
///
/// # Errors
/// The rest of a sentence about the file, such as "it is a LoRA for SDXL".
pub fn inspect(file: &LoraFile, targets: &Targets) -> std::result::Result<Report, String> {
    Ok(Opened::open(file, targets)?.matched.report)
}

/// Reads the changes.
fn read(file: &TensorFile, changes: &[Change], hardware: &Hardware) -> Result<Updates> {
    let mut layers: HashMap<(Part, String), Vec<Update>> = HashMap::new();
    for change in changes {
        let key = (change.place.part, change.place.layer.clone());
        let reader = Reader {
            file,
            change,
            hardware,
        };
        layers.entry(key).or_default().extend(reader.updates()?);
    }
    let layers = layers.into_iter();
    layers
        .map(|(key, updates)| Ok((key, joined(updates)?)))
        .collect()
}

/// Puts the low-rank changes of several ranges of rows together.
fn joined(updates: Vec<Update>) -> Result<Vec<Arc<Update>>> {
    let (mut parts, mut others) = (Vec::new(), Vec::new());
    for update in updates {
        match update {
            Update::Weight {
                delta: Delta::LowRank { down, up },
                rows,
            } => parts.push((down, RowsPart { rows, up })),
            other => others.push(other),
        }
    }
    parts.sort_by_key(|(_, part)| part.rows.start);
    let mut pairs = parts.windows(2);
    let overlap = pairs.any(|pair| pair[0].1.rows.end > pair[1].1.rows.start);
    if parts.len() < 2 || overlap {
        others.extend(parts.into_iter().map(|(down, RowsPart { rows, up })| {
            let delta = Delta::LowRank { down, up };
            Update::Weight { delta, rows }
        }));
    } else {
        let (downs, parts): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        let down = Array::cat(&downs, 0)?;
        others.push(Update::Rows { down, parts });
    }
    Ok(others.into_iter().map(Arc::new).collect())
}

/// Reads one change.
struct Reader<'a> {
    file: &'a TensorFile,
    change: &'a Change,
    hardware: &'a Hardware,
}

impl Reader<'_> {
    /// Everything that the change does to its layer.
    fn updates(&self) -> Result<Vec<Update>> {
        let rows = || self.change.place.rows.clone();
        let mut updates = Vec::new();
        if self.change.form != Form::Small {
            let (lengths, delta, rows) = (self.lengths()?, self.delta()?, rows());
            updates.push(match lengths {
                Some(lengths) => Update::Decomposed {
                    delta,
                    rows,
                    lengths,
                },
                None => Update::Weight { delta, rows },
            });
        } else if self.has(Role::Replacement) {
            let new = self.ready(&self.flat(Role::Replacement)?)?;
            return Ok(vec![Update::NormReplacement(new)]);
        } else if self.has(Role::Difference) {
            updates.push(Update::Norm(self.ready(&self.flat(Role::Difference)?)?));
        }
        for role in [Role::UpBias, Role::BiasDifference] {
            if self.has(role) {
                // The bias of an up matrix is multiplied as the matrix is.
                // <https://github.com/huggingface/peft/blob/v0.17.0/src/peft/tuners/lora/layer.py> (`get_delta_weight`, `merge`)
                let factor = match role {
                    Role::UpBias => self.change.factor,
                    _ => 1.0,
                };
                let delta = self.in_order(self.flat(role)?.scaled(factor)?)?;
                let (delta, rows) = (self.ready(&delta)?, rows());
                updates.push(Update::Bias { delta, rows });
            }
        }
        Ok(updates)
    }

    fn has(&self, role: Role) -> bool {
        self.change.tensors.contains_key(&role)
    }

    /// A tensor in f32 on the CPU.
    fn raw(&self, role: Role) -> Result<Array> {
        let Some(name) = self.change.tensors.get(&role) else {
            let sentence = format!("the LoRA lacks a part of {}", self.change.place.layer);
            return Err(Error::Checkpoint(sentence));
        };
        self.file.read(name, &Hardware::cpu())
    }

    /// A tensor as a vector.
    fn flat(&self, role: Role) -> Result<Array> {
        self.raw(role)?.flatten()
    }

    /// A tensor as a matrix.
    fn matrix(&self, role: Role) -> Result<Array> {
        let tensor = self.raw(role)?;
        let rows = tensor.dim(0)?;
        tensor.reshape([rows, tensor.count() / rows.max(1)])
    }

    /// Rows, or numbers, in the order of our layer.
    fn in_order(&self, tensor: Array) -> Result<Array> {
        if !self.change.place.halves_swapped {
            return Ok(tensor);
        }
        tensor.with_halves_swapped()
    }

    /// A tensor where and as the model computes.
    fn ready(&self, tensor: &Array) -> Result<Array> {
        tensor.on(self.hardware)?.contiguous()
    }

    /// The change of the weight at scale 1.
    fn delta(&self) -> Result<Delta> {
        let down = |role| self.ready(&self.matrix(role)?);
        let up = |role| {
            let scaled = self.matrix(role)?.scaled(self.change.factor)?;
            self.ready(&self.in_order(scaled)?)
        };
        let unscaled = |role| self.ready(&self.in_order(self.matrix(role)?)?);
        Ok(match self.change.form {
            Form::LowRank => Delta::LowRank {
                down: down(Role::Down)?,
                up: up(Role::Up)?,
            },
            Form::Hadamard => Delta::Hadamard([
                (down(Role::HadamardDown1)?, up(Role::HadamardUp1)?),
                (down(Role::HadamardDown2)?, unscaled(Role::HadamardUp2)?),
            ]),
            Form::Kronecker => self.kronecker()?,
            Form::Whole | Form::Small => Delta::Whole(unscaled(Role::Difference)?),
        })
    }

    /// The change of LoKr. The left factor is small (`pieces` sees to it), so a product of it is multiplied out.
    fn kronecker(&self) -> Result<Delta> {
        let left = if self.has(Role::Left) {
            self.matrix(Role::Left)?
        } else {
            let (up, down) = (self.matrix(Role::LeftUp)?, self.matrix(Role::LeftDown)?);
            up.matmul(&down)?
        };
        let left = left.scaled(self.change.factor)?;
        let right = Box::new(if self.has(Role::Right) {
            Delta::Whole(self.ready(&self.matrix(Role::Right)?)?)
        } else {
            Delta::LowRank {
                down: self.ready(&self.matrix(Role::RightDown)?)?,
                up: self.ready(&self.matrix(Role::RightUp)?)?,
            }
        });
        if left.dim(0)?.is_multiple_of(2) {
            // The halves of all rows are those of the left factor.
            let left = self.ready(&self.in_order(left)?)?;
            return Ok(Delta::Kronecker { left, right });
        }
        let left = self.ready(&left)?;
        let delta = Delta::Kronecker { left, right };
        if self.change.place.halves_swapped {
            return Ok(Delta::Whole(self.in_order(delta.whole()?)?.contiguous()?));
        }
        Ok(delta)
    }

    /// The lengths of DoRA, if the change has them.
    fn lengths(&self) -> Result<Option<Lengths>> {
        let (role, manner) = if self.has(Role::Magnitude) {
            (Role::Magnitude, Manner::Peft)
        } else if self.has(Role::DoraScale) {
            (Role::DoraScale, Manner::Lycoris)
        } else {
            return Ok(None);
        };
        let raw = self.raw(role)?;
        let axis = match *raw.dims() {
            [1, columns, ..] if columns > 1 && manner == Manner::Lycoris => Axis::Column,
            _ => Axis::Row,
        };
        let lengths = match axis {
            Axis::Row => self.in_order(raw.flatten()?)?,
            Axis::Column => raw.flatten()?,
        };
        Ok(Some(Lengths::new(lengths.at(self.hardware)?, axis, manner)))
    }
}
