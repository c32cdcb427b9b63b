// The pieces of the dictionary, in their order: what is needed most, and from nearest, stands last.

package main

var pieces = []string{
	` de `, `OUX`, `DAVID","`, `Mathilde","20`, `CB`, `Bernard`, `THOMAS","`, `Alain`, `Margaux`, `Jérôme","19`,
	`,"nbf":1798758000,"exp":1830294000,"st":[`, `150%`, `Ambre","20`, `,"nbf":1861916400,"exp":1893452400,"st":[`,
	`Dominique","19`, `Élodie","19`, `,"nbf":1893452400,"exp":1924988400,"st":[`, `Nathalie`, `","195`, `Vincent`,
	`Nicolas","19`, `Isabelle","19`, `Julien","19`, `ROBERT","`, `Françoise","19`, `","conv":["AL"]`, `Arthur`,
	`Bruno`, `Adam","20`, `Antoine","20`, `01",1],["`, `LAURENT","`, `Juliette","20`, `MICHEL","`, `Clément","20`,
	`","conv":["IS"]`, `KA/OC PEC","`, `Michel","19`, `Noah`, `Jean","19`, `Philippe`, `ROUX","`, `Anna`, `Inès`,
	`Léo","20`, `2019682800`, `","conv":["SP","OC"]`, `,"DEPR":"SP PEC"`, `,"AUXM":"SP 100%"`, `,"DENT":"TM"`,
	`,"BIOL":"SP 100%"`, `,"CSTE":"SP 100%"`, `,"DEOR":"PEC"`, `,"PHAR":"100/100/15"`, `,"RADL":"SP 100%"`,
	`,"SVIL":"SP 100%"`, `,"TRAN":"SP 100%"`, `,"LARA":"100%"`, `,"DIPR":"SP PEC"`, `,"EXTE":"SP 100%"`,
	`,"HOSP":"-"`, `,"LABO":"SP 100%"`, `,"MEDE":"SP 100%"`, `,"OPTI":"-"`, `,"PHAR":"100%"`, `,"RADL":"-"`,
	`,"DESO":"SP 100%"`, `,"SAGE":"-"`, `,"AUXM":"100%"`, `,"DEPR":"`, `KA/OC 100%","`, `Lucie","20`, `Forfait `,
	`dans la limite`, ` de la `, `"}]],"notes":["`, `Sur `, `présentation`, `"}],[[0,1],{"`, `Hors `,
	`dépassements d`, `"PREV":"`, `Thomas`, `Christophe`, ` par an`, `","conv":["OC"]`, `Rose`, `,"CURE":"100%"`,
	`,"DESO":"TM"`, `Patrick`, `Camille","20`, `Thierry`, `LEFEBVRE","`, `Paul`, `VM 100%","`, `David","19`,
	`Gérard","19`, `","iat":17`, `,"nbf":1767222000,"exp":1798758000,"st":[`, `Laura`, `Mila`, `MARTIN","`,
	`Chantal`, `","198`, `200EUR`, `IT`, `","resp":true,"ben":[["`, `Chloé`, `","196`, `200%`, `Sarah`, `DURAND","`,
	`Céline`, `","199`, `,"nbf":1924988400,"exp":1956524400,"st":[`, `Agathe","20`, `[[0,1,2],{"`, `DUBOIS","`,
	`Éric","19`, `,"OPAU":"TM"`, `,"OPTI":"`, `IT PEC","`, `Louise`, `,"OPTI":"SP PEC"`, `,"LPPS":"TM"`,
	`,"HOSP":"SP PEC"`, `,"DENT":"SP PEC"`, `,"LABO":"100%"`, `,"MED":"100%"`, `,"OPTI":"PEC"`, `,"ORTH":"PEC"`,
	`,"PHCO":"100%"`, `,"EXTE":"100%"`, `,"TRAN":"100%"`, `,"PHAR":"SP 100/100/100"`, `,"RADL":"`, `Karine`,
	`Jacqueline","19`, `300%`, `Ethan","20`, `1988146800`, ` honoraires`, `"],"csr":"`, `Alice`, `","conv":["KA"]`,
	`[[0,1,2,3,4,5,6,7],{`, `Valentin","20`, `125%`, `",1,"","20`, `300EUR`, `ARD`, `","conv":["VM"]`, `Lina","20`,
	`28",1],["`, `MOREAU","`, `Maël","20`, `],{"AUXM":"`, `IS 100%`, ` (1)`, `","conv":["MU"]`,
	`,"nbf":1830294000,"exp":1861916400,"st":[`, `Victoria","20`, `250%`, `150EUR`,
	`","conv":["SP"],"resp":true,"ben":[["`, `FOURNIER","`, `Marie`, `","197`, `2051218800`, `","iat":18`,
	`",1]],"gar":[[[0`, `],{"AUDI":"`, `IT 100%","`, `SC/TS PEC`, `"}]]}`, `],"adh":"00`, `{"iss":"`,
}
