//! The change of one layer, as a file describes it: what its tensors are together, by their shapes alone.

use std::collections::BTreeMap;

use crate::engine::lora::layouts::Role;
use crate::engine::lora::targets::Place;
use crate::engine::tensors::file::TensorFile;

/// The change of one layer, or of some of its rows, in the file's own words.
pub(crate) struct Change {
    pub(crate) place: Place,
    pub(crate) form: Form,
    /// The names of its tensors.
    pub(crate) tensors: Tensors,
    /// What the change is multiplied by at scale 1: alpha / rank, or 1 without an alpha.
    pub(crate) factor: f64,
}

/// Tensors by their roles.
pub(crate) type Tensors = BTreeMap<Role, String>;

/// How a change is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    LowRank,
    Hadamard,
    Kronecker,
    Whole,
    /// Only a bias, or the scale of a norm.
    Small,
}

/// The reason that a change has another size than its layer.
pub(super) const WRONG_SIZE: &str = "it has another size than the model's";

/// The most numbers of LoKr's left factor. It is the small one of the two (LyCORIS splits a size of 18 432 into 128 and 144)
/// and is multiplied out, so that a small file must not make it large.
const MOST_OF_LEFT: usize = 1 << 18;

/// The tensors of one layer.
pub(super) struct Pieces<'a> {
    file: &'a TensorFile,
    tensors: &'a Tensors,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(file: &'a TensorFile, tensors: &'a Tensors) -> Self {
        Self { file, tensors }
    }

    fn shape(&self, role: Role) -> Option<&[usize]> {
        self.file.shape(self.tensors.get(&role)?)
    }

    fn has(&self, role: Role) -> bool {
        self.tensors.contains_key(&role)
    }

    /// The shape of a piece as a matrix; the ones that convolutions carry are left out.
    fn matrix(&self, role: Role) -> Option<[usize; 2]> {
        match *self.shape(role)? {
            [rows, columns] | [rows, columns, 1] | [rows, columns, 1, 1] => Some([rows, columns]),
            _ => None,
        }
    }

    /// How many numbers a piece has; `None` where there is no such piece.
    fn count(&self, role: Role) -> Option<usize> {
        Some(self.shape(role)?.iter().product())
    }

    /// Whether a product of two pieces is there, and its shape with its rank between.
    fn product(&self, up: Role, down: Role) -> Result<Option<[usize; 3]>, &'static str> {
        if !self.has(up) && !self.has(down) {
            return Ok(None);
        }
        let (Some([output, rank]), Some([other, input])) = (self.matrix(up), self.matrix(down))
        else {
            return Err("half of it is missing");
        };
        if rank == other && rank > 0 {
            Ok(Some([output, rank, input]))
        } else {
            Err("its halves do not fit one another")
        }
    }

    /// A factor that may be whole or a product, and its shape.
    fn factor_shape(
        &self,
        [whole, up, down]: [Role; 3],
    ) -> Result<Option<[usize; 2]>, &'static str> {
        match self.matrix(whole) {
            Some(shape) => Ok(Some(shape)),
            None => Ok(self.product(up, down)?.map(outer)),
        }
    }

    /// Says whether the numbers of every piece can be read.
    fn readable(&self) -> Result<(), &'static str> {
        let mut pieces = self
            .tensors
            .iter()
            .filter(|(role, _)| **role != Role::Alpha);
        let is_readable = pieces.all(|(_, name)| self.file.is_readable(name));
        let reason = "its number format cannot be read";
        is_readable.then_some(()).ok_or(reason)
    }

    /// The form of the change of a linear layer; says what is wrong with it.
    pub(super) fn linear(&self, output: usize, input: usize) -> Result<Form, &'static str> {
        self.readable()?;
        let low_rank = self.product(Role::Up, Role::Down)?;
        let first = self.product(Role::HadamardUp1, Role::HadamardDown1)?;
        let second = self.product(Role::HadamardUp2, Role::HadamardDown2)?;
        let left = self.factor_shape([Role::Left, Role::LeftUp, Role::LeftDown])?;
        let right = self.factor_shape([Role::Right, Role::RightUp, Role::RightDown])?;
        if left.is_some_and(|[rows, columns]| rows.saturating_mul(columns) > MOST_OF_LEFT) {
            return Err("its left factor is too large");
        }
        let wanted = [output, input];
        let biases = [Role::UpBias, Role::BiasDifference].map(|role| self.count(role));
        let (form, shape) = match (low_rank, first.zip(second), left.zip(right)) {
            (Some(product), ..) => (Form::LowRank, outer(product)),
            (_, Some((first, second)), _) if outer(first) == outer(second) => {
                (Form::Hadamard, outer(first))
            }
            (_, _, Some(([a, b], [c, d]))) => {
                let size = |x: usize, y: usize| x.checked_mul(y).unwrap_or_default();
                (Form::Kronecker, [size(a, c), size(b, d)])
            }
            _ => match self.matrix(Role::Difference) {
                Some(shape) => (Form::Whole, shape),
                None if self.has(Role::Difference) => return Err(WRONG_SIZE),
                None if biases.iter().any(Option::is_some) => (Form::Small, wanted),
                None => return Err("half of it is missing"),
            },
        };
        let fits = shape == wanted
            && biases.into_iter().flatten().all(|count| count == output)
            && self.lengths_fit(output, input);
        fits.then_some(form).ok_or(WRONG_SIZE)
    }

    /// Whether the lengths of DoRA, if there are any, are those of the rows, or of the columns where they lie in a row.
    fn lengths_fit(&self, output: usize, input: usize) -> bool {
        let fits = |count| count == output;
        self.count(Role::Magnitude).is_none_or(fits)
            && match self.shape(Role::DoraScale) {
                None => true,
                Some([1, columns, rest @ ..]) if *columns > 1 => {
                    *columns == input && rest.iter().all(|length| *length == 1)
                }
                Some(shape) => fits(shape.iter().product::<usize>()),
            }
    }

    /// The form of the change of a norm.
    pub(super) fn norm(&self, width: usize) -> Result<Form, &'static str> {
        self.readable()?;
        let change = self.count(Role::Difference);
        match change.or_else(|| self.count(Role::Replacement)) {
            Some(count) if count == width => Ok(Form::Small),
            Some(_) => Err(WRONG_SIZE),
            None => Err("a norm can only be changed as a whole"),
        }
    }

    /// The rank, where the form has one.
    pub(super) fn rank(&self, form: Form) -> Option<usize> {
        let rows = |role| self.matrix(role).map(|[rows, _]| rows);
        match form {
            Form::LowRank => rows(Role::Down),
            Form::Hadamard => rows(Role::HadamardDown1),
            Form::Kronecker => rows(Role::RightDown).or_else(|| rows(Role::LeftDown)),
            Form::Whole | Form::Small => None,
        }
    }

    /// What the change is multiplied by at scale 1.
    ///
    /// alpha / rank where there is an alpha, else what `told` makes of the rank, and 1 where nothing is told; LoKr has a rank
    /// only where one of its factors is a product (<https://github.com/KohakuBlueleaf/LyCORIS/blob/v3.1.0/lycoris/modules/lokr.py>).
    pub(super) fn factor(
        &self,
        form: Form,
        told: impl Fn(usize) -> Option<f64>,
    ) -> Result<f64, &'static str> {
        let Some(rank) = self.rank(form) else {
            return Ok(1.0);
        };
        let Some(name) = self.tensors.get(&Role::Alpha) else {
            return Ok(told(rank).unwrap_or(1.0));
        };
        let alpha = self.file.scalar(name).filter(|alpha| alpha.is_finite());
        Ok(alpha.ok_or("its alpha cannot be read")? / rank as f64)
    }
}

/// The sides of a product with its rank between.
fn outer([output, _, input]: [usize; 3]) -> [usize; 2] {
    [output, input]
}
