-- Numbers by DecimalFormat's patterns; a text of digits is a pattern too.
SELECT p, format_number(1234567.895D, p) AS big, format_number(-0.5BD, p) AS small, format_number(0, p) AS zero
FROM VALUES ('#,###.##'), ('0.00'), ('#'), ('000'), ('#.#%'), ('$#,##0.00'), (''), ('#.##'), ('.##'), ('0.'), ('00,00'), ("0 'it''s'"), ('(0)') AS t(p);
SELECT format_number(double('NaN'), '$0.0'), format_number(-double('Infinity'), '$0.0'), format_number(-0.0D, '0.0'), format_number(NULL, '0');
SELECT format_number(12332.5, 'n: '), format_number(-0.5, 'a');
SELECT format_number(1, '0.#0');
SELECT format_number(1, '0.0E0');
SELECT format_number(12332.1234, 2), format_number(0.125, 2), format_number(5, -1);
