//! The tensors of a file that make up one of ours.

/// The tensors of a file that make up one of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Names in the file. Several are put below one another along the first dimension.
    pub parts: Vec<String>,
    /// Whether the two halves of the first dimension stand the other way round in the file.
    pub halves_swapped: bool,
    /// Whether a linear layer may stand in the file as a convolution with a kernel of one place.
    pub is_convolution: bool,
}

impl Source {
    /// The tensor of this name.
    pub fn of(name: String) -> Self {
        Self {
            parts: vec![name],
            halves_swapped: false,
            is_convolution: false,
        }
    }

    /// The tensor of the same name.
    pub fn same(name: &str) -> Self {
        Self::of(name.to_owned())
    }
}
