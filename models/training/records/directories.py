"""Entries of a French trade directory, as those of Paris were printed from 1800 on."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from models.training.records.spelling import Spelling

TITLES = (
    "Mad.", "Mme", "Mlle", "Mesd.", "M.", "V.e", "Vve", "Ve", "veuve", "baron", "le baron", "comte",
    "le comte de", "le marquis de", "la marquise d'", "le général", "le colonel", "l'abbé", "Dr",
    "de", "du", "chevalier", "le chevalier de", "G. O. H.", "O. H.", "H.", "le duc de",
    "la comtesse de",
)  # fmt: skip
KIN = (
    "fils", "père", "aîné", "jeune", "neveu", "frères", "et fils", "père et fils", "et frères",
    "fils aîné", "et neveu", "sœurs", "et sœur", "cadet", "et gendre", "l'aîné", "oncle et neveu",
)  # fmt: skip
PARTNERS = ("et comp.", "et comp.e", "et C.ie", "et Cie", "et C.e", "& Cie", "et Comp", "et Ce")
PARTICLES = ("de ", "de la ", "du ", "d'", "Le ", "La ", "des ", "de Saint-", "Saint-", "de L")
PRE_NAMES = (
    "Victor", "Pierre", "Jean", "Jacques", "Louis", "Charles", "Auguste", "Ch.", "Fr.", "J.-B.",
    "J. B.", "Alex.", "Ant.", "Jos.", "L.", "A.", "P.", "Ph.", "Aug.", "Ad.", "Et.", "Hyppolite",
    "Prosper", "Nicolas", "Denis", "Félix", "Henri", "Ed.", "Edm.", "Eug.", "Em.", "Alph.", "Th.",
    "Claude", "Désiré", "Ferd.", "Franç.", "Georges", "Guill.", "Isid.", "Jul.", "Laurent", "Léon",
    "Martin", "Math.", "Narcisse", "Paul", "Simon", "Vincent", "Xavier", "C.", "D.", "E.", "F.",
)  # fmt: skip
TRADES = (
    "march. de vins", "tailleur", "bottier", "cordonnier", "bijoutier", "horloger", "libraire",
    "fabr.", "fabric. de bronzes", "négoc.", "avocat", "notaire", "médecin", "pharmacien",
    "épicier", "charcutier", "boulanger", "pâtissier", "limonadier", "traiteur", "h. garni",
    "tapissier", "ébéniste", "menuisier", "serrurier", "maçon", "peintre", "sculpteur", "graveur",
    "imprim.", "relieur", "papetier", "quincaillier", "ferrailleur", "chaudronnier", "fondeur",
    "orfévre", "march. de toiles", "mercier", "passementier", "rubanier", "gantier", "chapelier",
    "plumassier", "modes", "lingère", "couturière", "coiffeur", "parfumeur", "herboriste",
    "droguiste", "commissionn. en march.", "agent de change", "banquier", "propriétaire", "rentier",
    "greffier", "huissier", "architecte", "entrepreneur", "charpentier", "couvreur", "plombier",
    "vitrier", "miroitier", "faïencier", "porcelaines", "cristaux", "lampiste", "tourneur",
    "luthier", "sellier", "carrossier", "maréchal-ferrant", "loueur de carrosses", "grenetier",
    "nourrisseur", "fruitier", "march. de bois", "march. de nouveautés", "naturaliste", "opticien",
    "bandagiste", "sage-femme", "dentiste", "professeur", "instituteur", "chef de bureau",
    "employé", "po", "pa.",
)  # fmt: skip
WAYS = (
    "r.", "rue", "r. du", "rue de la", "q.", "quai", "boulev.", "pl.", "place", "passage", "cour",
    "faub.", "imp.", "cul-de-sac", "av.", "allée",
)  # fmt: skip
PLACES = (
    "S.-Denis", "S.-Honoré", "Montmartre", "S.-Martin", "du Temple", "Richelieu", "Vivienne",
    "des Lombards", "Quincampoix", "de la Harpe", "S.-Jacques", "Mouffetard", "du Bac", "de Seine",
    "Dauphine", "Mazarine", "Montorgueil", "des Petits-Champs", "Coquillière", "de Grenelle",
    "S.-Germain", "Vieille-du-Temple", "Culture-Ste.-Catherine", "S.-Antoine", "de Charonne",
    "Popincourt", "des Fossés", "Poissonnière", "Grange-Batelière", "du Helder", "de Provence",
    "Caumartin", "de la Paix", "Neuve-des-Mathurins", "de l'Arbre-Sec", "de la Monnaie",
    "Bourg-l'Abbé", "aux Ours", "Greneta", "Chapon", "Michel-le-Comte", "des Vieux-Augustins",
    "Ventadour", "Taitbout",
)  # fmt: skip

# How a name is put, and how often.
FORMS = {
    "{one}": 45, "{one} {kin}": 15, "{one} ({inside})": 3, "{one}, ({inside})": 3,
    "{one} ( {inside})": 3, "{one}({inside})": 3, "{pre_name} {one}": 6, "{one} et {other}": 10,
    "{one} {partners}": 8, "{one} de {other}": 1, "{one} née {other}": 0.5,
    "{one} dit {other}": 0.5, "{one}, {other} {partners}": 2,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a directory: whose it is, and what follows the name, with its comma."""

    name: str
    rest: str


class Directory:
    """Draws entries; surnames from a list, or spelt like them.

    Args:
        surnames: capitalised; some of the names are these.
        spelling: draws the others.
    """

    def __init__(self, surnames: Sequence[str], spelling: Spelling) -> None:
        self.surnames, self.spelling = surnames, spelling

    def draw(self, draw: random.Random) -> Entry:
        """Draw one entry."""
        name = self.name(draw)
        trade = f"{draw.choice(TRADES)}, " if draw.random() < 0.8 else ""
        number = f"{draw.choice(WAYS)} {draw.choice(PLACES)}, {draw.randrange(1, 400)}."
        comma = draw.choice((", ", ", ", ", ", " , ", " "))
        return Entry(name, f"{comma}{trade}{number}")

    def surname(self, draw: random.Random) -> str:
        """Draw a surname: of the list, spelt like one, or two of them joined."""
        word = draw.choice(self.surnames) if draw.random() < 0.3 else self.spelling.draw(draw)
        if draw.random() < 0.05:
            return f"{word}-{self.surname(draw)}"
        if draw.random() < 0.06:
            return f"{draw.choice(PARTICLES)}{word}"
        return word

    def name(self, draw: random.Random) -> str:
        """Draw the name of a person, or of a house of several."""
        (form,) = draw.choices(list(FORMS), list(FORMS.values()))
        return form.format(
            one=self.surname(draw),
            other=self.surname(draw) if "{other}" in form else "",
            kin=draw.choice(KIN),
            partners=draw.choice(PARTNERS),
            pre_name=draw.choice(PRE_NAMES),
            inside=draw.choice((draw.choice(TITLES), draw.choice(PRE_NAMES), self._full(draw))),
        )

    def _full(self, draw: random.Random) -> str:
        return f"{draw.choice(TITLES)} {draw.choice(PRE_NAMES)}"
