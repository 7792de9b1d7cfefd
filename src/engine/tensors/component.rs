//! One part of a model: the tensors of all its files, by our names.

use crate::engine::compute::array::Array;
use crate::engine::compute::hardware::Hardware;
use crate::engine::compute::matrix::Matrix;
use crate::engine::compute::stored::{Precision, StoredRows};
use crate::engine::error::{Error, Result};
use crate::engine::tensors::config::MAX_WIDTH;
use crate::engine::tensors::file::TensorFile;
use crate::engine::tensors::naming::Naming;
use crate::weights::architecture::Architecture;
use crate::weights::bytes::Piece;
use crate::weights::header::{Entry, Header};
use crate::weights::inspect::{Names, Part};
use crate::weights::model::ModelSource;

/// One part of a model (transformer, VAE, a text encoder): the tensors of all its files, whatever the files call them and
/// however they write numbers.
pub struct Component {
    /// Its folder in the model.
    folder: String,
    /// Where the model is, for messages.
    place: String,
    files: Vec<TensorFile>,
    /// Which of the files' tensors make up one of ours.
    naming: Naming,
    architecture: Option<Architecture>,
    hardware: Hardware,
}

/// What fp8 files call the factor on a weight: ComfyUI's name first, then others'. <https://github.com/comfyanonymous/ComfyUI/blob/v0.3.30/comfy/ops.py> (`scaled_fp8_ops`)
const SCALES: [&str; 2] = ["scale_weight", "weight_scale"];

impl Component {
    /// Opens the part in `folder` of a model, one file or several. No tensor is read yet.
    ///
    /// # Errors
    /// When a file is missing, or is no file of tensors.
    pub fn open(
        model: &ModelSource,
        part: Part,
        folder: &str,
        hardware: &Hardware,
    ) -> Result<Self> {
        let (mut files, mut header) = (Vec::new(), Header::default());
        for (name, contents) in model.tensors(folder)? {
            let file = TensorFile::parse(name, contents)?;
            header.tensors.extend(file.header.tensors.clone());
            files.push(file);
        }
        Ok(Self {
            folder: folder.to_owned(),
            place: model.place(),
            naming: Naming::of(part, &header),
            architecture: Architecture::of(&header),
            files,
            hardware: hardware.clone(),
        })
    }

    /// Whose names its files have.
    pub fn names(&self) -> Names {
        self.naming.found.names
    }

    /// What the headers tell of a transformer.
    ///
    /// # Errors
    /// When they do not even tell its width.
    pub fn architecture(&self) -> Result<Architecture> {
        self.required_shape("img_in.weight")?;
        let wrong = || self.wrong("is no transformer of FLUX.1's kind");
        self.architecture.ok_or_else(wrong)
    }

    /// What tensors are read for.
    pub(crate) fn hardware(&self) -> &Hardware {
        &self.hardware
    }

    /// The tensors of the part in all files, without what stands before their names.
    pub(super) fn own_tensors(&self) -> impl Iterator<Item = (&str, &Entry)> {
        let tensors = self.files.iter().flat_map(|file| &file.header.tensors);
        tensors.filter_map(|(name, entry)| {
            Some((name.strip_prefix(self.naming.found.prefix.as_str())?, entry))
        })
    }

    /// Reads the tensor of our name `name` in the computation's precision.
    pub(crate) fn read(&self, name: &str) -> Result<Array> {
        let source = self.naming.source(name);
        let parts = source.parts.iter().map(|part| self.read_part(part));
        let whole = Array::cat(&parts.collect::<Result<Vec<_>>>()?, 0)?;
        if source.halves_swapped {
            return whole.with_halves_swapped();
        }
        Ok(whole)
    }

    /// Reads one tensor of the files.
    fn read_part(&self, part: &str) -> Result<Array> {
        let array = self.file_of(part)?.read(part, &self.hardware)?;
        match self.scale_of(part)? {
            None => Ok(array),
            Some(scale) => array.scaled(scale),
        }
    }

    /// The file that holds a tensor.
    fn file_of(&self, part: &str) -> Result<&TensorFile> {
        let found = self.files.iter().find(|file| file.contains(part));
        found.ok_or_else(|| self.wrong(&format!("lacks the tensor {part}")))
    }

    /// What a weight is to be multiplied by, if its file says so.
    fn scale_of(&self, part: &str) -> Result<Option<f64>> {
        let Some(layer) = part.strip_suffix("weight") else {
            return Ok(None);
        };
        for name in SCALES.map(|scale| format!("{layer}{scale}")) {
            if let Ok(file) = self.file_of(&name) {
                let unknown = || {
                    Error::Checkpoint(format!(
                        "{} scales its weights in a way that is not known here: {name} is not one number",
                        file.name
                    ))
                };
                return file.scalar(&name).map(Some).ok_or_else(unknown);
            }
        }
        Ok(None)
    }

    /// The matrix of our name `name`.
    pub(crate) fn matrix(&self, name: &str, precision: Precision) -> Result<Matrix> {
        let source = self.naming.source(name);
        let mut stored = Vec::new();
        let mut input = None;
        for part in &source.parts {
            let file = self.file_of(part)?;
            let (entry, bytes) = file.piece(part)?;
            let wrong = |what: String| file.wrong(part, &what);
            let Some((rows, columns)) = two_sides(entry, source.is_convolution) else {
                let shape = &entry.shape;
                return wrong(format!("has the shape {shape:?}, but it must be a matrix"));
            };
            if *input.get_or_insert(columns) != columns {
                return wrong(format!(
                    "has {columns} columns, and those beside it another number"
                ));
            }
            if source.halves_swapped && rows % 2 != 0 {
                return wrong(format!("has {rows} rows, which are no two halves"));
            }
            stored.push(StoredRows {
                bytes,
                format: entry.format,
                scale: self.scale_of(part)?.unwrap_or(1.0) as f32,
                rows,
            });
        }
        if source.halves_swapped {
            stored = swapped(stored);
        }
        if precision == Precision::EightBit {
            stored = stored.into_iter().map(StoredRows::in_eight_bits).collect();
        }
        Matrix::new(stored, input.unwrap_or_default(), &self.hardware)
    }

    /// The shape of our tensor `name`, from the headers; `None` when a part of it is missing.
    pub fn shape(&self, name: &str) -> Option<Vec<usize>> {
        let source = self.naming.source(name);
        let mut whole: Option<Vec<usize>> = None;
        for part in &source.parts {
            let mut files = self.files.iter();
            let entry = files.find_map(|file| file.header.tensors.get(part))?;
            let shape = match two_sides(entry, source.is_convolution) {
                Some((rows, columns)) => vec![rows, columns],
                None => entry.shape.clone(),
            };
            match &mut whole {
                None => whole = Some(shape),
                Some(whole) => *whole.first_mut()? += shape.first()?,
            }
        }
        whole
    }

    /// The shape of our tensor `name`, which must be there.
    ///
    /// # Errors
    /// When it is missing.
    pub fn required_shape(&self, name: &str) -> Result<Vec<usize>> {
        self.shape(name).ok_or_else(|| {
            let parts = self.naming.source(name).parts.join(" and ");
            self.wrong(&format!("lacks the tensor {parts}"))
        })
    }

    /// The length of one dimension of our tensor `name`, which must be there; 0 where it has no such dimension.
    ///
    /// # Errors
    /// When the tensor is missing.
    pub fn side(&self, name: &str, dim: usize) -> Result<usize> {
        let shape = self.required_shape(name)?;
        Ok(shape.get(dim).copied().unwrap_or(0))
    }

    /// What is said of the part.
    fn wrong(&self, what: &str) -> Error {
        Error::Checkpoint(format!("{} of {} {what}", self.folder, self.place))
    }

    /// What is said of a tensor with an unexpected shape.
    pub(crate) fn wrong_shape(&self, name: &str, found: &[usize], wanted: &[usize]) -> Error {
        let Self { folder, place, .. } = self;
        Error::Checkpoint(format!(
            "the tensor {name} in {folder} of {place} has the shape {found:?}, not {wanted:?}"
        ))
    }

    /// Whether every part of our tensor `name` is there.
    pub fn has(&self, name: &str) -> bool {
        let mut parts = self.naming.source(name).parts.into_iter();
        parts.all(|part| self.files.iter().any(|file| file.contains(&part)))
    }

    /// How many blocks there are whose tensors' names begin with `kind`, a number and what stands in `tensor`.
    pub fn count(&self, kind: &str, tensor: &str) -> usize {
        let has = |i: &usize| self.has(&format!("{kind}.{i}.{tensor}"));
        (0..MAX_WIDTH).take_while(has).count()
    }
}

/// Rows and columns of a matrix, or of a convolution with a kernel of one place where that is expected.
fn two_sides(entry: &Entry, is_convolution: bool) -> Option<(usize, usize)> {
    match *entry.shape.as_slice() {
        [rows, columns] => Some((rows, columns)),
        [rows, columns, 1, 1] if is_convolution => Some((rows, columns)),
        _ => None,
    }
}

/// The two halves of matrices' rows the other way round.
fn swapped(stored: Vec<StoredRows>) -> Vec<StoredRows> {
    let halves = stored.into_iter().flat_map(|whole| {
        let (first, second) = whole.bytes.split_at(whole.bytes.len() / 2);
        [second, first].map(|bytes| StoredRows {
            // Copied: it is one small layer.
            bytes: Piece::Owned(bytes.into()),
            rows: whole.rows / 2,
            ..whole
        })
    });
    halves.collect()
}
