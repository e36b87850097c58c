#[derive(Debug, Clone)]
pub struct Message;
