-- Of an account: whether its rules were read. 0: a fine-grained policy applies to it, or may, that may not be read; the numbers
-- are the least that is known. An account without a row was never looked at.
ALTER TABLE lockout ADD COLUMN sure INTEGER NOT NULL DEFAULT 1;
