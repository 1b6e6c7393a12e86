-- Java's names of character classes, and what is not in them, outside and inside of brackets.
SELECT regexp_extract_all('aB1cé', '(\\p{Lower})', 1), regexp_extract_all('aB1cé', '(\\P{Lower})', 1);
SELECT regexp_extract_all('aB1cé', '([1\\p{Lower}])', 1), regexp_extract_all('aB1cé', '([1\\P{Lower}])', 1), regexp_extract_all('aB1cé', '([^\\p{Lower}])', 1);
SELECT regexp_replace('x^y~z!', '\\p{Punct}', '-'), regexp_extract_all('aÀ b', '(\\p{Graph}+)', 1), regexp_extract_all('a B', '([\\P{IsAlphabetic}a])', 1);
SELECT regexp_extract_all('Éaß', '(\\p{javaUpperCase})', 1), regexp_extract_all('Éaß', '([\\P{IsUppercase}])', 1);
