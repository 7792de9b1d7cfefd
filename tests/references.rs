//! What is typed as a reference to a LoRA.

use flux_qfaces::schema::reference::Reference;

#[test]
fn every_form_of_reference_is_understood() {
    for (typed, shared) in [
        ("owner/name", "owner/name"),
        ("  owner/name/ \n", "owner/name"),
        ("owner/name/4d1d2ea1", "owner/name/4d1d2ea1"),
        ("owner/name:4d1d2ea1", "owner/name/4d1d2ea1"),
        ("https://replicate.com/owner/name", "owner/name"),
        (
            "replicate.com/owner/name/versions/4d1d2ea1/",
            "owner/name/4d1d2ea1",
        ),
        ("https://replicate.com/owner/name/api", "owner/name"),
        ("replicate.com/owner/name/examples", "owner/name"),
        (
            "cdn.example.com/x.safetensors?v=1",
            "https://cdn.example.com/x.safetensors?v=1",
        ),
        (
            "huggingface.co/owner/model",
            "https://huggingface.co/owner/model",
        ),
        (
            "https://huggingface.co/owner/model/",
            "https://huggingface.co/owner/model",
        ),
        (
            "hf.co/owner/model/tree/v2",
            "https://huggingface.co/owner/model/tree/v2",
        ),
        (
            "huggingface.co/o/m/resolve/main/a%20b/x.safetensors?download=true",
            "https://huggingface.co/o/m/blob/main/a%20b/x.safetensors",
        ),
        (
            "https://huggingface.co/o/m/blob/main/x.safetensors",
            "https://huggingface.co/o/m/blob/main/x.safetensors",
        ),
        (
            "huggingface.co/o/m/x.safetensors",
            "https://huggingface.co/o/m/blob/main/x.safetensors",
        ),
        (
            "https://civitai.com/models/123/some-name",
            "https://civitai.com/models/123",
        ),
        (
            "civitai.com/models/123?modelVersionId=456",
            "https://civitai.com/api/download/models/456",
        ),
        (
            "https://civitai.com/api/download/models/456?type=Model&format=SafeTensor&token=abc",
            "https://civitai.com/api/download/models/456?type=Model&format=SafeTensor",
        ),
        (
            "https://civitai.com/api/v1/models/123",
            "https://civitai.com/models/123",
        ),
        (
            "urn:air:flux1:lora:civitai:123@456",
            "https://civitai.com/api/download/models/456",
        ),
        (
            "https://example.com/a/x.safetensors?sig=1&v=2",
            "https://example.com/a/x.safetensors?v=2",
        ),
        (
            "https://user:pass@example.com/x.safetensors",
            "https://example.com/x.safetensors",
        ),
        (
            "https://replicate.delivery/a/trained_model.tar",
            "https://replicate.delivery/a/trained_model.tar",
        ),
        (
            "http://127.0.0.1:8000/x.tar.gz",
            "http://127.0.0.1:8000/x.tar.gz",
        ),
        ("embedded:qface", "embedded:qface"),
    ] {
        let reference =
            Reference::parse(typed).unwrap_or_else(|message| panic!("{typed} {message}"));
        assert_eq!(reference.shareable().as_deref(), Some(shared), "{typed}");
        let again = Reference::parse(shared).unwrap();
        assert_eq!(again.shareable().as_deref(), Some(shared), "{shared}");
    }
}

#[test]
fn paths_are_told_from_names() {
    for typed in [
        "/home/me/x.safetensors",
        "./x",
        "~/loras",
        "loras/x.safetensors",
        "x.safetensors",
        r"C:\loras\x.safetensors",
        "C:/loras/x.safetensors",
        "file:///home/me/a%20b.safetensors",
    ] {
        let reference = Reference::parse(typed).unwrap();
        assert!(
            matches!(reference, Reference::Path(_)),
            "{typed}: {reference:?}"
        );
        assert_eq!(reference.shareable(), None, "{typed} is private");
    }
}

#[test]
fn wrong_references_name_the_accepted_forms() {
    for (typed, words) in [
        ("lora", "give owner/name"),
        ("a b/c", "give owner/name"),
        ("a/b/c/d/e", "give owner/name"),
        ("huggingface.co/owner", "huggingface.co/owner/model"),
        ("huggingface.co/datasets/o/m", "huggingface.co/owner/model"),
        (
            "https://huggingface.co/o/m/blob/main/model.ckpt",
            "no .safetensors",
        ),
        ("civitai.com/models", "civitai.com/models/<number>"),
        (
            "https://civitai.com/user/somebody",
            "civitai.com/models/<number>",
        ),
        ("replicate.com/owner", "replicate.com/owner/name"),
        ("replicate.com/p/4d1d2ea1", "replicate.com/owner/name"),
        ("owner/name/latest", "give owner/name"),
        ("https://example.com/lora.zip", ".safetensors or .tar"),
        ("ftp://example.com/x.safetensors", "https://"),
        ("data:text/plain,hello", "base64"),
        ("sha256:12", "64 hexadecimal digits"),
        ("owner/na\u{7}me", "give owner/name"),
    ] {
        let message = Reference::parse(typed).unwrap_err();
        assert!(message.contains(words), "{typed}: {message}");
    }
}
