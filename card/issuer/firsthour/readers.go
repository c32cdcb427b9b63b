// The pages of what lets somebody read people: counters, programs, accounts, the server and its backups.

package firsthour

var readers = []theft{
	{kind: "counter", title: "ordinateur d’un comptoir volé", short: "L’ordinateur d’un professionnel, ou la clé de son poste, est entre d’autres mains.", fact: "id", label: "Poste", data: readsSome,
		happened: "La clé du poste ne cherche personne : on interroge le service avec une carte en main, et nulle question ne nomme quelqu’un. Le voleur peut donc lire ce qui a été présenté à ce poste, et ce que dit son journal. Pas un assuré de plus.",
		can:      []string{"Lire le journal du poste : numéros de cartes, jours de soins, domaines. Aucun nom.", "Interroger le service pour une carte dont il a le code."},
		cannot:   []string{"Chercher une personne, parcourir une liste.", "Fabriquer une carte, une liste ou un accord : le poste n’a que des clés publiques."},
		steps: []step{
			{"Révoquer le poste. Le service le refuse dans la seconde.", "sceau keys compromise {dir} counter {id}", "Plusieurs postes chez ce professionnel : révoquez ceux qui manquent."},
			{"Savoir qui est concerné. Le dossier contient le rapport et les lettres.", "sceau exposure {dir} --counter {id} --discovered {discovered} --contact \"NOM, TÉLÉPHONE\" --out exposition", "Tout l’établissement : --finess N à la place de --counter."},
			{"Donner au professionnel une invitation pour un poste neuf. L’ancien ne revient jamais.", "sceau counter invite {dir} --finess N --profession CODE", ""},
			{"Surveiller ce que son journal enverra encore.", "sceau receipts {dir}", ""}},
		tell:  []string{"Le professionnel, par le numéro que vous avez déjà, jamais par celui d’un courriel."},
		write: []string{"Le poste, le FINESS, l’heure de la perte et celle de la révocation."},
		never: []string{"Ne donnez pas l’invitation à qui appelle : rappelez."}},

	{kind: "apikey", title: "clé d’API volée", short: "La clé d’un logiciel de gestion a été copiée, publiée par erreur ou trouvée sur un poste.", fact: "id", label: "Clé (16 caractères)", data: readsSome,
		happened: "Selon ses rôles, cette clé lit les contrats d’un organisme, émet des cartes ou en révoque. Chaque lecture est au journal : on sait exactement qui a été lu.",
		can:      []string{"Rôle read : lire les contrats de cet organisme, NIR compris.", "Rôle issue : faire et prendre des cartes, dans la limite du jour.", "Rôle revoke : révoquer, dans la limite du jour."},
		cannot:   []string{"Voir un autre organisme.", "Agir sans laisser de trace.", "Toucher aux clés ou aux listes."},
		steps: []step{
			{"Retirer la clé. Elle est refusée dès la requête suivante.", "sceau keys compromise {dir} apikey {id}", ""},
			{"Savoir qui a été lu, et qui aurait pu l’être.", "sceau exposure {dir} --apikey {id} --discovered {discovered} --contact \"NOM, TÉLÉPHONE\" --out exposition", ""},
			{"Relire ce que la clé a changé : cartes faites, cartes révoquées, contrats.", "sceau audit show {dir} --limit 10000", "Cherchez « key:{id} »."},
			{"Faire une clé neuve, avec les seuls rôles utiles et une date de fin.", "sceau apikey add {dir} --insurer N_AMC --name NOM --roles ROLES --ends AAAA-MM-JJ", ""}},
		tell:  []string{"L’organisme dont ce sont les contrats, et l’éditeur du logiciel."},
		write: []string{"Le nom de la clé (16 caractères), jamais la clé entière ; ses rôles ; l’heure du retrait."},
		never: []string{"Ne recopiez pas la clé dans un courriel ou un ticket."}},

	{kind: "account", title: "compte d’un gestionnaire volé", short: "Quelqu’un s’est connecté, ou a pu se connecter, à la place d’une personne de l’organisme ou de l’opérateur.", fact: "id", label: "Compte (« person:… »)", data: readsSome,
		happened: "Le compte agit avec les rôles de cette personne, pour son organisme seul. Les actes graves demandent une deuxième personne. Chaque lecture est au journal.",
		can:      []string{"Lire, émettre ou révoquer selon les rôles du compte, dans la limite du jour.", "Demander davantage, et attendre qu’un collègue distrait accepte."},
		cannot:   []string{"Accepter sa propre demande.", "Voir un autre organisme.", "Toucher aux clés ou aux listes."},
		steps: []step{
			{"Fermer le compte chez le fournisseur d’identité, et ses sessions ici.", "sceau session close {dir} {id}", "Le nom « person:… » est dans le journal : sceau audit show {dir}."},
			{"Refuser ses demandes en attente.", "sceau approval list {dir}", "Puis, pour chacune : sceau approval refuse {dir} DEMANDE."},
			{"Savoir qui a été lu, et qui aurait pu l’être.", "sceau exposure {dir} --operator {id} --discovered {discovered} --contact \"NOM, TÉLÉPHONE\" --out exposition", ""},
			{"Relire ce que le compte a changé, et le défaire.", "sceau audit show {dir} --limit 10000", ""}},
		tell:  []string{"La personne elle-même, son organisme, et l’équipe du fournisseur d’identité."},
		write: []string{"La dernière connexion reconnue par la personne, la première qu’elle ne reconnaît pas."},
		never: []string{"Ne changez pas seulement le mot de passe : fermez aussi les sessions."}},

	{kind: "passphrase", title: "clés du serveur et phrase de passe volées", short: "Quelqu’un a le dossier « keys » du serveur et la phrase de passe qui l’ouvre, ou un accès complet au serveur.", fact: "", label: "", data: readsAll,
		happened: "Toutes les clés en ligne sont à considérer comme volées, et le registre comme lu. Les clés hors ligne sont sauves : c’est avec elles qu’on repart, sur une machine neuve.",
		can:      []string{"Lire tout le registre : noms, NIR, contrats.", "Signer des cartes, des listes, des accords, et publier.", "Effacer ou altérer le registre : le journal le montrera."},
		cannot:   []string{"Changer la racine, ni les clés des organismes.", "Tromper un comptoir après la cérémonie et la publication."},
		steps: []step{
			{"Isoler le serveur sans l’éteindre ; laisser en ligne les miroirs et les listes. Copier disque et registre.", "", ""},
			{"Repartir sur une machine neuve, dans un dossier vide, avec une sauvegarde d’avant l’intrusion et l’ancienne phrase, qui l’ouvre.", "sceau recover SAUVEGARDE {dir} --public {public} --go-on", "Les cartes faites depuis n’y sont pas, et ne seront pas sur la liste : refaites-les ensuite."},
			{"Remettre les clés hors ligne en place, puis changer la phrase de passe.", "sceau keys passphrase {dir} --offline-keys HORS_LIGNE --new-passphrase-file PHRASE", "Ensuite, ajoutez --offline-keys HORS_LIGNE --passphrase-file PHRASE à chaque commande."},
			{"Pour chaque organisme, remplacer la clé des listes.", "sceau keys compromise {dir} status --insurer N_AMC", ""},
			{"Remplacer les clés de publication par une cérémonie de la racine ; publier dans un dossier neuf.", "sceau keys compromise {dir} online --medium SUPPORT_A --medium SUPPORT_B --to NEUF", "Servez NEUF à la place de {public}."},
			{"Pour chaque organisme, remplacer la clé des cartes.", "sceau keys compromise {dir} card KID --to NEUF", "Puis, de même : list. Puis, une fois : accord, settlement, manifest."},
			{"Donner au registre une clé neuve, et faire le rapport.", "sceau encrypt {dir} --rotate && sceau exposure {dir} --register --discovered {discovered} --contact \"NOM, TÉLÉPHONE\" --out exposition", ""}},
		public: "NEUF",
		notice: "Après une intrusion, les clés en ligne sont remplacées. Synchronisez le poste. Les vraies cartes restent bonnes.",
		tell:   []string{"La direction, tous les organismes, les porteurs de la racine, et les comptoirs par le message signé."},
		write:  []string{"La première trace de l’intrusion, la sauvegarde choisie, chaque clé remplacée."},
		never:  []string{"Ne remettez pas en service une machine qui a été ouverte."}},

	{kind: "register", title: "registre ou sauvegarde volés", short: "Une copie de la base, ou une sauvegarde, est sortie.", fact: "", label: "", data: readsAll,
		happened: "Dans la base, les noms, les NIR et les N° d’adhérent sont chiffrés ; une sauvegarde l’est aussi, en entier. Tout dépend d’une question : la phrase de passe ou la clé de la sauvegarde est-elle sortie avec elle ?",
		can:      []string{"Sans la phrase de passe : compter des lignes, voir des numéros de cartes et des dates. Aucun nom.", "Avec elle : lire tout le registre."},
		cannot:   []string{"Fabriquer une carte avec la base seule : elle ne contient aucune clé privée.", "Changer ce qui est publié."},
		steps: []step{
			{"Répondre par écrit à la question ci-dessus. Dans le doute, c’est oui.", "", "Oui, et c’est une sauvegarde, qui contient aussi les clés en ligne : prenez la fiche « passphrase »."},
			{"Fermer l’endroit d’où la copie est sortie, changer ses accès.", "", ""},
			{"Faire le rapport. Si la réponse est oui, il vise tous les assurés.", "sceau exposure {dir} --register --discovered {discovered} --contact \"NOM, TÉLÉPHONE\" --out exposition", ""},
			{"Donner une clé neuve au registre pour la suite, et refaire une sauvegarde.", "sceau encrypt {dir} --rotate && sceau backup {dir} --to SAUVEGARDE", ""}},
		tell:  []string{"La direction et tous les organismes."},
		write: []string{"Quelle copie, de quelle date, chiffrée comment, et où était sa clé."},
		never: []string{"Ne payez personne pour la récupérer sans la police et le DPO."}},
}
