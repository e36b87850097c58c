#[derive(Debug, Clone)]
pub struct Draft;
