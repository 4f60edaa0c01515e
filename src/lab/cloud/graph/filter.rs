//! `$filter`: comparisons of members, `startswith`, `endswith`, `contains`, `any`, joined by `and`, `or`, `not`.
//!
//! Source: OData 4.01 URL conventions, 5.1.1; learn.microsoft.com, "Use the $filter query parameter".

use serde_json::Value;

/// How deep brackets may nest.
const DEEPEST: usize = 20;

/// A condition.
#[derive(Debug)]
pub(super) enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    Compare(String, Compare, Value),
    /// A member that is a list has an element for which this holds.
    Any(String, String, Box<Filter>),
}

/// How a member is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    Unequal,
    Greater,
    Less,
    Starts,
    Ends,
    Contains,
}

impl Filter {
    /// Reads a filter; an error tells what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let tokens = tokens(text)?;
        let mut reader = Reader { tokens, next: 0, depth: 0 };
        let filter = reader.or()?;
        if let Some(left) = reader.peek() {
            return Err(format!("Syntax error: unexpected '{left}'."));
        }
        Ok(filter)
    }

    /// Whether an object satisfies it.
    pub(super) fn holds(&self, object: &Value) -> bool {
        match self {
            Self::And(a, b) => a.holds(object) && b.holds(object),
            Self::Or(a, b) => a.holds(object) || b.holds(object),
            Self::Not(inner) => !inner.holds(object),
            Self::Any(member, variable, inner) => {
                let items = find(object, member).as_array().cloned().unwrap_or_default();
                items.into_iter().any(|item| inner.holds(&serde_json::json!({ variable: item })))
            }
            Self::Compare(member, how, wanted) => compare(find(object, member), *how, wanted),
        }
    }
}

fn find<'a>(object: &'a Value, path: &str) -> &'a Value {
    path.split('/').fold(object, |value, member| &value[member])
}

fn compare(found: &Value, how: Compare, wanted: &Value) -> bool {
    let texts = found.as_str().map(str::to_lowercase).zip(wanted.as_str().map(str::to_lowercase));
    let Some((found, wanted)) = texts else {
        return match how {
            Compare::Equal => found == wanted,
            Compare::Unequal => found != wanted,
            _ => false,
        };
    };
    match how {
        Compare::Equal => found == wanted,
        Compare::Unequal => found != wanted,
        Compare::Greater => found > wanted,
        Compare::Less => found < wanted,
        Compare::Starts => found.starts_with(&wanted),
        Compare::Ends => found.ends_with(&wanted),
        Compare::Contains => found.contains(&wanted),
    }
}

struct Reader {
    tokens: Vec<String>,
    next: usize,
    depth: usize,
}

impl Reader {
    fn peek(&self) -> Option<&str> {
        self.tokens.get(self.next).map(String::as_str)
    }

    fn take(&mut self) -> Result<String, String> {
        let token = self.peek().map(str::to_owned).ok_or("Syntax error: the expression ends too early.")?;
        self.next += 1;
        Ok(token)
    }

    fn want(&mut self, token: &str) -> Result<(), String> {
        let found = self.take()?;
        if found == token { Ok(()) } else { Err(format!("Syntax error: '{token}' expected at '{found}'.")) }
    }

    fn or(&mut self) -> Result<Filter, String> {
        let mut left = self.and()?;
        while self.peek() == Some("or") {
            self.next += 1;
            left = Filter::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Filter, String> {
        let mut left = self.one()?;
        while self.peek() == Some("and") {
            self.next += 1;
            left = Filter::And(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<Filter, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("The node count limit has been exceeded.".to_owned());
        }
        let token = self.take()?;
        let filter = match token.as_str() {
            "not" => Filter::Not(Box::new(self.one()?)),
            "(" => {
                let inner = self.or()?;
                self.want(")")?;
                inner
            }
            "startswith" | "startsWith" => self.function(Compare::Starts)?,
            "endswith" | "endsWith" => self.function(Compare::Ends)?,
            "contains" => self.function(Compare::Contains)?,
            member => match member.strip_suffix("/any") {
                Some(list) => self.any(list)?,
                None => self.comparison(member)?,
            },
        };
        self.depth -= 1;
        Ok(filter)
    }

    fn function(&mut self, how: Compare) -> Result<Filter, String> {
        self.want("(")?;
        let member = self.take()?;
        self.want(",")?;
        let value = literal(&self.take()?)?;
        self.want(")")?;
        Ok(Filter::Compare(member, how, value))
    }

    fn any(&mut self, list: &str) -> Result<Filter, String> {
        self.want("(")?;
        let variable = self.take()?;
        self.want(":")?;
        let inner = self.or()?;
        self.want(")")?;
        Ok(Filter::Any(list.to_owned(), variable, Box::new(inner)))
    }

    fn comparison(&mut self, member: &str) -> Result<Filter, String> {
        if !member.chars().all(|c| c.is_ascii_alphanumeric() || "/_.@".contains(c)) {
            return Err(format!("Syntax error: '{member}' is no property."));
        }
        let how = match self.take()?.as_str() {
            "eq" => Compare::Equal,
            "ne" => Compare::Unequal,
            "gt" | "ge" => Compare::Greater,
            "lt" | "le" => Compare::Less,
            other => return Err(format!("Syntax error: '{other}' is no operator.")),
        };
        Ok(Filter::Compare(member.to_owned(), how, literal(&self.take()?)?))
    }
}

fn literal(token: &str) -> Result<Value, String> {
    if let Some(text) = token.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return Ok(text.replace("''", "'").into());
    }
    match token {
        "true" => Ok(true.into()),
        "false" => Ok(false.into()),
        "null" => Ok(Value::Null),
        // Numbers, and GUIDs and dates, which stand without quotes.
        _ if token.starts_with(|c: char| c.is_ascii_hexdigit() || c == '-') => {
            Ok(token.parse::<i64>().map_or_else(|_| token.into(), Value::from))
        }
        _ => Err(format!("Syntax error: '{token}' is no value.")),
    }
}

/// Words, texts in quotes, and the signs `( ) , :`.
fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            _ if c.is_whitespace() => {}
            '(' | ')' | ',' | ':' => tokens.push(c.to_string()),
            '\'' => {
                let mut token = c.to_string();
                loop {
                    let c = chars.next().ok_or("There is an unterminated string literal.")?;
                    token.push(c);
                    if c == '\'' {
                        match chars.next_if_eq(&'\'') {
                            Some(second) => token.push(second),
                            None => break,
                        }
                    }
                }
                tokens.push(token);
            }
            _ => {
                let mut token = c.to_string();
                // A colon is a sign behind a variable and part of a time.
                let date = c.is_ascii_digit();
                while let Some(c) = chars.next_if(|c| !c.is_whitespace() && !"(),'".contains(*c) && (date || *c != ':'))
                {
                    token.push(c);
                }
                tokens.push(token);
            }
        }
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn filters_find_what_they_say() {
        let user = json!({
            "name": "O'Reilly", "enabled": true, "age": 7, "none": null, "created": "2024-05-01T10:00:00Z",
            "licences": [{ "skuId": "a1" }, { "skuId": "b2" }], "tags": ["x"], "inner": { "deep": "Yes" },
        });
        for (filter, holds) in [
            ("name eq 'o''reilly'", true),
            ("name ne 'O''Reilly'", false),
            ("startswith(name,'o''') and enabled eq true", true),
            ("startsWith(name, 'x') or endswith(name,'LY')", true),
            ("not (enabled eq true) or age eq 8", false),
            ("not(enabled eq false)", true),
            ("none eq null", true),
            ("created ge 2024-01-01T00:00:00Z", true),
            ("licences/any(l:l/skuId eq b2)", true),
            ("licences/any(l:l/skuId eq c3)", false),
            ("tags/any(t:t eq 'x')", true),
            ("inner/deep eq 'yes'", true),
            ("contains(name,'Rei') and (age eq 7 or age eq 8)", true),
        ] {
            assert_eq!(Filter::parse(filter).unwrap().holds(&user), holds, "{filter}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for bad in [
            "",
            "name",
            "name eq",
            "name like 'x'",
            "name eq 'x",
            "name eq 'x' and",
            "(name eq 'x'",
            "eq eq zzz",
            "a b c d",
        ] {
            assert!(Filter::parse(bad).is_err(), "{bad}");
        }
        assert!(Filter::parse(&"(".repeat(100_000)).is_err());
        assert!(Filter::parse(&"not ".repeat(100_000)).is_err());
    }
}
